/** How far a storage provider can be relied on to give back what it stores. */
export type StandingWord = 'new' | 'good' | 'shaky' | 'poor'

/** What the last checks of a storage provider came to. */
export interface RetrievalRecord {
  standing: StandingWord
  /** How many of the last checks this is made of. */
  checks: number
  /** In how many of them everything asked for came back and was right. */
  verified: number
  /** Median of those; null where there is none. */
  firstByteMs: number | null
  bytesPerSecond: number | null
  lastAt: Date | null
  /** Why the last one failed that did, for people. */
  lastFailure: string | null
  lastFailureAt: Date | null
}

/** Checks of one storage provider that were made within one step of time. */
export interface RetrievalStep {
  /** When it began. */
  at: Date
  checks: number
  verified: number
  firstByteMs: number | null
  bytesPerSecond: number | null
}

export interface RetrievalHistory {
  stepSeconds: number
  /** How many steps the time looked at has; those without a check are left out of `steps`. */
  stepCount: number
  /** When the last of them ends. */
  endsAt: Date
  /** The oldest first, by the row of the provider. */
  steps: ReadonlyMap<number, readonly RetrievalStep[]>
}

/**
 * Reads how storage providers give back what they store, by their rows. Providers come before retrievals in the flow, so what they show and go by is handed
 * to them.
 */
export interface RetrievalRecords {
  /** Of every provider of a network, or of one. */
  read(network: string, providerId?: number): Promise<ReadonlyMap<number, RetrievalRecord>>
  history(network: string, providerId?: number): Promise<RetrievalHistory>
}

/** Of one that nothing was ever asked of. */
export const noRecord: RetrievalRecord = {
  standing: 'new',
  checks: 0,
  verified: 0,
  firstByteMs: null,
  bytesPerSecond: null,
  lastAt: null,
  lastFailure: null,
  lastFailureAt: null,
}

/** The best first. A new one may become anything. */
const order: readonly StandingWord[] = ['new', 'good', 'shaky', 'poor']

/** What a provider has to be at least, to be given anything new; `any` asks nothing of it. */
export type LeastStanding = 'good' | 'shaky' | 'any'

export function isGoodEnough(standing: StandingWord, least: LeastStanding): boolean {
  return least === 'any' || order.indexOf(standing) <= order.indexOf(least)
}
