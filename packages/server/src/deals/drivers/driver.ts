import type { DealRow } from '../store.ts'

/** A deal whose proposal has been signed. */
export type ProposedDeal = DealRow & { proposal: Uint8Array; proposalCid: Uint8Array }

/** What came of handing over a proposal. */
export type Delivery =
  /** The provider has to come for it; that it did is noted where it comes. */
  | { kind: 'waits' }
  /** The provider has it. Evidence is what it said: that it came, not that it will keep its word. */
  | { kind: 'delivered'; evidence: Record<string, unknown> }
  /** The provider will not have it, and says why. */
  | { kind: 'refused'; reason: string; evidence: Record<string, unknown> }

/**
 * A way in which proposals come to storage providers. What becomes of a deal after that is read from the chain, whatever the way; so a driver has nothing to
 * say about it, and a new one is a file here and a line in `open-drivers.ts`.
 */
export interface DealDriver {
  /** As in `deal.driver`. */
  readonly name: string
  /**
   * Hands over a proposal. It may be called again for the same one, after a crash or beside itself: the provider must end with one deal, told by the CID of
   * the proposal.
   *
   * @throws whatever passes: it is tried again later
   */
  deliver(deal: ProposedDeal, signal: AbortSignal | undefined): Promise<Delivery>
}
