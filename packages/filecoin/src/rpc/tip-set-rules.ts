import { dateOf, type EpochClock } from '../epoch.ts'
import type { TipSet } from './tip-set.ts'

/** Clocks differ, ours too: what is further ahead than this nobody can have made. */
const driftMs = 60_000
/** Of our devnets epochs may be shorter than a second, and times of blocks are whole ones. */
const roundingSeconds = 1

/**
 * Whether a tipset is of the time its epoch is of, and that has come: nobody can have made a block before.
 *
 * @throws TypeError
 */
export function checkTime({ blocks, height }: TipSet, clock: EpochClock, now: Date): void {
  const due = dateOf(clock, height)
  if (due.getTime() - driftMs > now.getTime()) {
    throw new TypeError(`a block of epoch ${height}, which begins at ${due.toISOString()} only`)
  }
  const wrong = blocks.find(({ timestamp }) => Math.abs(timestamp - due.getTime() / 1000) > roundingSeconds)
  if (wrong) throw new TypeError(`a block of epoch ${height} with the time ${wrong.timestamp}`)
}

/**
 * Whether `child` can come after `parent`, as far as their headers tell: later, and on a chain that weighs more with every tipset. What miners sign, and
 * whether they had won the right to, is not looked at.
 *
 * @throws TypeError
 */
export function checkParent({ blocks, height }: TipSet, parent: TipSet): void {
  if (height <= parent.height) throw new TypeError(`a block of epoch ${height} on top of one of epoch ${parent.height}`)
  const [weight, below] = [blocks[0]?.parentWeight as bigint, parent.blocks[0]?.parentWeight as bigint]
  if (blocks.some(({ parentWeight }) => parentWeight !== weight)) {
    throw new TypeError(`the blocks of epoch ${height} do not agree on the weight of the chain below them`)
  }
  if (weight <= below) throw new TypeError(`a block of epoch ${height} on a chain that weighs no more than without its parent`)
}

/** Whether a chain is to be left for another: it weighs less. Both are told by their heads. */
export function weighsLess(one: TipSet, other: TipSet): boolean {
  return (one.blocks[0]?.parentWeight as bigint) < (other.blocks[0]?.parentWeight as bigint)
}
