import type { ProofDocument } from './document.ts'

/**
 * `checked`: found to be true. `failed`: found to be false. `left`: the document claims it, and it was not checked, or not all of it.
 * `beyond`: not shown by the document, and worth knowing.
 */
export type StatementOutcome = 'checked' | 'failed' | 'left' | 'beyond'

/** What was looked at, as a word to branch on. */
export type CheckName = 'blocks' | 'piece' | 'header' | 'directory' | 'inclusion' | 'shard' | 'deals' | 'proving'

export interface Statement {
  check: CheckName
  outcome: StatementOutcome
  /** A sentence for people. */
  text: string
  /** Number of the place it is about, where it is about one. */
  place?: number
}

/** `verified`: nothing failed and nothing was left out. `incomplete`: nothing failed, and something was left out. */
export type ProofOutcome = 'verified' | 'failed' | 'incomplete'

export interface ProofReport {
  root: string
  outcome: ProofOutcome
  statements: Statement[]
}

export function reportOf({ root }: Pick<ProofDocument, 'root'>, statements: Statement[]): ProofReport {
  const has = (outcome: StatementOutcome) => statements.some((statement) => statement.outcome === outcome)
  // Nothing at all was shown where nothing was checked.
  const outcome = has('failed') ? 'failed' : has('left') || !has('checked') ? 'incomplete' : 'verified'
  return { root, outcome, statements }
}

const grouping = new Intl.NumberFormat('en')

/** `1 block`, `1,024 blocks`. */
export function counted(count: number, noun: string): string {
  return `${grouping.format(count)} ${noun}${count === 1 ? '' : 's'}`
}

export function grouped(number: number): string {
  return grouping.format(number)
}
