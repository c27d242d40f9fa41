import type { MessagePort } from 'node:worker_threads'
import { CID } from 'multiformats/cid'
import type { BlockEntry } from '../blocks/shard-writer.ts'
import type { PlainError } from '../thread-errors.ts'
import type { ReadPlan, ReadResult } from './read-upload.ts'

// What goes between the thread that has the connection and the thread that reads a large body. CIDs lose their class on the way.

export interface StartMessage {
  port: MessagePort
  plan: ReadPlan
  /** The staged file to write. */
  path: string
}

/** To the reader: bytes (handed over, not copied), the end, or why there will be no more. */
export type BodyMessage = { chunks: Uint8Array[] } | { end: true } | { failed: PlainError }

/** From the reader: how many bytes it has taken, or how it ended. */
export type ReaderMessage = { takenBytes: number } | { done: PlainResult } | { failed: PlainError }

/** Entries as columns: a large shard has tens of thousands, and objects are slow to hand over. */
interface PlainEntries {
  multihashes: Uint8Array
  multihashEnds: Uint32Array
  offsets: Float64Array
  lengths: Uint32Array
}

export interface PlainResult {
  root: Uint8Array
  dagBytes: number | undefined
  complete: boolean
  shard: Uint8Array
  sizeBytes: number
  entries: PlainEntries
  type: ReadResult['received']['type']
  files: { name: string; type: string }[]
  part: Uint8Array
  data: unknown
}

function plainEntries(entries: readonly BlockEntry[]): PlainEntries {
  const multihashBytes = entries.reduce((sum, { multihash }) => sum + multihash.length, 0)
  const plain = {
    multihashes: new Uint8Array(multihashBytes),
    multihashEnds: new Uint32Array(entries.length),
    offsets: Float64Array.from(entries, ({ offset }) => offset),
    lengths: Uint32Array.from(entries, ({ length }) => length),
  }
  let end = 0
  for (const [index, { multihash }] of entries.entries()) {
    plain.multihashes.set(multihash, end)
    end += multihash.length
    plain.multihashEnds[index] = end
  }
  return plain
}

function entriesOf({ multihashes, multihashEnds, offsets, lengths }: PlainEntries): BlockEntry[] {
  return Array.from(multihashEnds, (end, index) => ({
    multihash: multihashes.subarray(index === 0 ? 0 : multihashEnds[index - 1], end),
    offset: offsets[index] as number,
    length: lengths[index] as number,
  }))
}

export function plainResult({ received, data }: ReadResult): PlainResult {
  const { content, type, files, part } = received
  const { cid, dagBytes, complete, shard } = content
  return {
    root: cid.bytes.slice(),
    dagBytes,
    complete,
    shard: shard.cid.bytes.slice(),
    sizeBytes: shard.sizeBytes,
    entries: plainEntries(shard.entries),
    type,
    files,
    part: part.bytes.slice(),
    data,
  }
}

export function resultOf(plain: PlainResult): ReadResult {
  const { root, dagBytes, complete, shard, sizeBytes, entries, type, files, part, data } = plain
  const written = { cid: CID.decode(shard), sizeBytes, entries: entriesOf(entries) }
  return {
    received: { content: { cid: CID.decode(root), dagBytes, complete, shard: written }, type, files, part: CID.decode(part) },
    data,
  }
}
