import { type DealState, dealStates } from '@keepsake/api/deals.ts'

export type { DealState }

/**
 * A deal: one aggregate with one storage provider. Its states, in the order of a deal that goes well, and what each means:
 *
 * - `reserved`    the provider asked for the piece and may have it; nothing is signed.
 * - `proposed`    our key signed the proposal; nobody has it yet.
 * - `delivered`   the provider has the proposal, or may have: from here on it can be on the chain without us.
 * - `published`   the chain has it, with a number of its own.
 * - `active`      the chain says that it is in a sector. Whether that is proven now is `deal.proving`.
 *
 * and how it ends:
 *
 * - `expired`     it ran its time.
 * - `terminated`  it was active, and was given up before its time.
 * - `failed`      it never became active.
 */
export { dealStates }

/** A replica that is there or on its way. The index `deal_live` is over the same ones. */
export const liveStates = ['reserved', 'proposed', 'delivered', 'published', 'active'] as const satisfies readonly DealState[]

export type LiveState = (typeof liveStates)[number]

export function isLive(state: DealState): state is LiveState {
  return (liveStates as readonly DealState[]).includes(state)
}

/** Every change there is. From `published` on only the state of the chain moves a deal, never anybody's word. */
const forward: Readonly<Record<DealState, readonly DealState[]>> = {
  reserved: ['proposed', 'failed'],
  // The chain knows best: a proposal that was handed over in another way can be on it before we have noted that.
  proposed: ['delivered', 'published', 'failed'],
  delivered: ['published', 'failed'],
  published: ['active', 'failed'],
  active: ['expired', 'terminated'],
  expired: [],
  terminated: [],
  // What we had given up, and the provider published all the same while the proposal was still good.
  failed: ['published'],
}

/** Changes that only a reorganisation makes: what the chain had said, it says no more. */
const undone: Readonly<Partial<Record<DealState, readonly DealState[]>>> = {
  published: ['delivered'],
  active: ['published'],
  expired: ['active'],
  terminated: ['active'],
}

/** Whether the table has a change from one state to the other. */
export function mayChange(from: DealState, to: DealState): boolean {
  return forward[from].includes(to) || isUndoing(from, to)
}

/** Whether the change takes back what the chain had said. */
export function isUndoing(from: DealState, to: DealState): boolean {
  return undone[from]?.includes(to) ?? false
}
