import type { RetrievalOutcome, RetrievalWay } from '../database/schema-retrievals.ts'
import type { StandingWord } from '../providers/retrieval-records.ts'

// Fetching stored items back from those who say that they store them, as a stranger would, and what follows from it.

/** How each way of fetching is told to people. */
export const wayText: Record<RetrievalWay, string> = {
  raw: 'a block by CID',
  car: 'all of it by CID',
  path: 'by its path from the root of the aggregate',
  piece: 'out of the piece by a range of bytes',
}

/** What a check came to; `ok` is the only good one. */
export const outcomeText: Record<RetrievalOutcome, string> = {
  ok: 'came back, and every byte was right',
  'wrong-bytes': 'other bytes came than were asked for',
  incomplete: 'not all of it came',
  'not-found': 'the provider says that it does not have it',
  refused: 'the provider answered with an error',
  timeout: 'nothing came in time',
  slow: 'it came so slowly that it was given up',
  unreachable: 'the provider could not be reached',
  'not-allowed': 'its address is not one this server may reach',
}

/** A check that failed, with which outcome. */
export class RetrievalFailure extends Error {
  override readonly name = 'RetrievalFailure'
  readonly outcome: Exclude<RetrievalOutcome, 'ok'>

  constructor(outcome: Exclude<RetrievalOutcome, 'ok'>, message: string, options?: ErrorOptions) {
    super(message, options)
    this.outcome = outcome
  }
}

/** So many of the last checks of a provider make its standing. */
export const standingChecks = 40
/** What is older says nothing of today: a provider that holds nothing any more, and so is asked for nothing, is as new then. */
export const standingDays = 7
/** With fewer nothing can be said. */
const minChecks = 4
const goodShare = 0.95
const shakyShare = 0.7

/** What the last `standingChecks` checks of the last `standingDays` days say. */
export function standingOf({ checks, verified }: { checks: number; verified: number }): StandingWord {
  if (checks < minChecks) return 'new'
  const share = verified / checks
  return share >= goodShare ? 'good' : share >= shakyShare ? 'shaky' : 'poor'
}
