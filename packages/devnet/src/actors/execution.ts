import type { ChainState } from '../state/state.ts'
import type { Rules } from './rules.ts'

/** What a message is executed in. */
export interface Execution {
  state: ChainState
  epoch: number
  rules: Rules
  /** Data of the beacon entry of an epoch. */
  beaconAt(epoch: number): Uint8Array
  /** Randomness of the ticket of an epoch on this chain; undefined where there is none. */
  ticketAt(epoch: number): Uint8Array | undefined
  /** The epoch at which the node came back last after it was away; -1 for never. */
  backSince: number
}
