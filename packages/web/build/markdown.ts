import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { lexer, type Token, type Tokens } from 'marked'
import type { Plugin } from 'vite'
import { catalog } from '../src/docs/catalog.ts'
import type { Block, Document, Inline } from '../src/docs/document.ts'

/** Turns Markdown that is imported into a `Document`, at build time. HTML in it stays the text that it is. */
export function markdown(): Plugin {
  return {
    name: 'keepsake:markdown',
    async load(id) {
      const path = id.split('?')[0] ?? id
      if (!path.endsWith('.md')) return null
      const document = parse(await readFile(path, 'utf8'), basename(path))
      return { code: `export default ${JSON.stringify(document)}`, moduleType: 'js' }
    },
  }
}

/** The blocks of a text and the title on top of it. */
function parse(text: string, name: string): Document {
  const blocks = lexer(text).flatMap((token) => blockOf(token))
  const [first, ...rest] = blocks
  if (first?.kind !== 'heading' || first.depth !== 1) throw new Error(`${name} has to begin with a title.`)
  return { title: plainText(first.text), blocks: rest }
}

function blockOf(token: Token): Block[] {
  const inside = (tokens: Token[] | undefined) => (tokens ?? []).map((one) => inlineOf(one))
  switch (token.type) {
    case 'space':
      return []
    case 'heading': {
      const text = inside(token.tokens)
      return [{ kind: 'heading', depth: (token as Tokens.Heading).depth, id: slug(plainText(text)), text }]
    }
    // `text` is what a list item without empty lines has in place of a paragraph.
    case 'paragraph':
    case 'text':
      return [{ kind: 'paragraph', text: token.tokens ? inside(token.tokens) : [{ kind: 'text', text: token.raw }] }]
    case 'list': {
      const { ordered, items } = token as Tokens.List
      return [{ kind: 'list', isOrdered: ordered, items: items.map(({ tokens }) => tokens.flatMap((one) => blockOf(one))) }]
    }
    case 'table': {
      const { header, rows } = token as Tokens.Table
      const cells = (row: Tokens.TableCell[]) => row.map(({ tokens }) => inside(tokens))
      return [{ kind: 'table', head: cells(header), rows: rows.map(cells) }]
    }
    case 'code':
      return [{ kind: 'code', code: (token as Tokens.Code).text, language: (token as Tokens.Code).lang ?? '' }]
    case 'blockquote':
      return [{ kind: 'quote', blocks: (token.tokens ?? []).flatMap((one) => blockOf(one)) }]
    case 'hr':
      return [{ kind: 'rule' }]
    default:
      return [{ kind: 'paragraph', text: [{ kind: 'text', text: token.raw.trim() }] }]
  }
}

function inlineOf(token: Token): Inline {
  const inside = () => ((token as Tokens.Generic).tokens ?? []).map((one) => inlineOf(one))
  switch (token.type) {
    case 'text':
    case 'escape':
      return { kind: 'text', text: unescapeEntities((token as Tokens.Text).text) }
    case 'codespan':
      return { kind: 'code', text: unescapeEntities((token as Tokens.Codespan).text) }
    case 'strong':
    case 'em':
      return { kind: token.type, text: inside() }
    case 'br':
      return { kind: 'break' }
    case 'link': {
      const to = addressOf((token as Tokens.Link).href)
      // What is in the repository and not on the website is named, not linked.
      return to === undefined ? { kind: 'em', text: inside() } : { kind: 'link', to, text: inside() }
    }
    default:
      return { kind: 'text', text: token.raw }
  }
}

function addressOf(href: string): string | undefined {
  if (/^(https?:|\/|#)/.test(href)) return href
  const [, page, hash = ''] = /^([\w-]+)\.md(#.*)?$/.exec(href) ?? []
  if (catalog.some(({ name }) => name === page)) return `/docs/${page}${hash}`
  return href === 'openapi.json' ? '/api/openapi.json' : undefined
}

function plainText(text: Inline[]): string {
  return text.map((one) => ('text' in one ? (typeof one.text === 'string' ? one.text : plainText(one.text)) : ' ')).join('')
}

function slug(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '-')
    .replace(/^-|-$/g, '')
}

const entities: Record<string, string> = { '&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'" }

function unescapeEntities(text: string): string {
  return text.replace(/&(amp|lt|gt|quot|#39);/g, (entity) => entities[entity] ?? entity)
}
