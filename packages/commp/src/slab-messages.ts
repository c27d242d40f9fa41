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

/** So many bytes, as slabs of full height: of a buffer, by its number. */
export interface BufferBatch {
  buffer: number
  dataBytes: number
}

/** The same of an open file, from `at` on: its number is known to all threads of a process. */
export interface FileBatch {
  file: number
  at: number
  dataBytes: number
}

/** To a thread: hash this. */
export type BatchMessage = BufferBatch | FileBatch

/** What comes of a batch. */
export interface BatchResult {
  /** One root a slab. */
  roots: Uint8Array
  /** The nodes of the level that is kept, from the left. */
  kept: Uint8Array
}

/** From a thread, in the order it was asked; `failed` where a file could not be read. */
export type BatchAnswer = BatchResult | { failed: { message: string; code: string | undefined } }
