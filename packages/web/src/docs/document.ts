/** A page of documentation, as the build makes it from Markdown. There is no HTML in it, so there is none to be wrong. */
export interface Document {
  title: string
  blocks: Block[]
}

export type Block =
  | { kind: 'heading'; depth: number; id: string; text: Inline[] }
  | { kind: 'paragraph'; text: Inline[] }
  | { kind: 'list'; isOrdered: boolean; items: Block[][] }
  | { kind: 'table'; head: Inline[][]; rows: Inline[][][] }
  | { kind: 'code'; code: string; language: string }
  | { kind: 'quote'; blocks: Block[] }
  | { kind: 'rule' }

export type Inline =
  | { kind: 'text'; text: string }
  | { kind: 'code'; text: string }
  | { kind: 'strong' | 'em'; text: Inline[] }
  | { kind: 'link'; to: string; text: Inline[] }
  | { kind: 'break' }
