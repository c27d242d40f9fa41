import type { CID } from 'multiformats/cid'

/** Somebody who can be asked for blocks. */
export interface Source {
  /** For people: a peer id, or the address of a gateway. */
  name: string
  /** Blocks it is asked for at a time. */
  parallel: number
  /** Gives a block, checked; undefined where it says that it does not have it. */
  fetch(cid: CID, options: { signal: AbortSignal }): Promise<Uint8Array | undefined>
}
