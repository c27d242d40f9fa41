import { SLAB_DATA_BYTES } from '@keepsake/content/piece/slab.ts'

/** Slabs handed to a thread at once: 2 MiB take it 6 ms, a message some 30 µs. */
const BATCH_SLABS = 8
export const BATCH_DATA_BYTES = BATCH_SLABS * SLAB_DATA_BYTES
/** A word more than the data, so that the last slab is padded like the others. */
export const BATCH_BUFFER_BYTES = BATCH_DATA_BYTES + 4

/** To a thread, once: the memory it shares with the one that fills it, and the level to keep. */
export interface SlabThreadData {
  buffers: SharedArrayBuffer[]
  keepLevel: number | undefined
}

/** To a thread: hash so many bytes of a buffer, as slabs of full height. */
export interface BatchMessage {
  buffer: number
  dataBytes: number
}

/** From a thread, in the order it was asked. */
export interface BatchResult {
  /** One root a slab. */
  roots: Uint8Array
  /** The nodes of the level that is kept, from the left. */
  kept: Uint8Array
}
