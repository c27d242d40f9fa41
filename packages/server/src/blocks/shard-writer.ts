import { createHash } from 'node:crypto'
import type { Block } from '@keepsake/content/block.ts'
import { carCid, encodeCarHeader, encodeSectionPrefix } from '@keepsake/content/car/encode.ts'
import type { CID } from 'multiformats/cid'
import type { StagedBlob } from '../blobs/blobs.ts'

/** Where a block lies in a shard. */
export interface BlockEntry {
  multihash: Uint8Array
  offset: number
  length: number
}

/** A shard whose bytes are all written and durable. */
export interface WrittenShard {
  cid: CID
  sizeBytes: number
  entries: BlockEntry[]
}

/** What a shard is written to. */
export type Sink = Pick<StagedBlob, 'write' | 'sync'>

/** Writing in steps of this size keeps the number of system calls small and the memory flat. */
const flushBytes = 1024 * 1024

/** Appends bytes to a staged blob and hashes them on the way; at most one write is under way while the next is collected. */
export function hashedAppender(staged: Sink, onWritten: (chunk: Uint8Array) => void = () => {}) {
  const hash = createHash('sha256')
  let pending: Uint8Array[] = []
  let pendingBytes = 0
  let totalBytes = 0
  let writing: Promise<void> = Promise.resolve()

  const flush = async () => {
    const chunks = pending
    pending = []
    pendingBytes = 0
    await writing
    if (chunks.length === 0) return
    writing = staged.write(...chunks).then(() => chunks.forEach(onWritten))
    // Seen at the next flush; until then it must not count as unhandled.
    writing.catch(() => {})
  }
  return {
    get totalBytes() {
      return totalBytes
    },
    /** Resolves when more may be appended. The bytes must not change until `finish`. */
    append(...chunks: Uint8Array[]): Promise<void> | undefined {
      for (const chunk of chunks) {
        // At once, while the bytes are still in the processor's cache from being hashed as a block.
        hash.update(chunk)
        pending.push(chunk)
        pendingBytes += chunk.byteLength
        totalBytes += chunk.byteLength
      }
      return pendingBytes >= flushBytes ? flush() : undefined
    },
    /** The sha2-256 of everything appended, once it is durable. */
    async finish(): Promise<Uint8Array> {
      await flush()
      await writing
      await staged.sync()
      return hash.digest()
    },
  }
}

/**
 * Packs blocks into a CARv1. A block that was added before is not written again: the index needs it once.
 *
 * `onWritten` is told each piece of memory that is not needed any more. `roots` may be empty: the root of a stream is only known at its end, when the header is long written.
 */
export function shardWriter(staged: Sink, roots: readonly CID[], onWritten: (chunk: Uint8Array) => void = () => {}) {
  const out = hashedAppender(staged, onWritten)
  const entries: BlockEntry[] = []
  const known = new Set<string>()
  const header = encodeCarHeader([...roots])
  out.append(header)
  return {
    add({ cid, bytes }: Block): Promise<void> | undefined {
      const name = digestKey(cid.multihash.bytes)
      if (known.has(name)) {
        onWritten(bytes)
        return undefined
      }
      known.add(name)
      const prefix = encodeSectionPrefix(cid, bytes.byteLength)
      entries.push({ multihash: cid.multihash.bytes, offset: out.totalBytes + prefix.byteLength, length: bytes.byteLength })
      return out.append(prefix, bytes)
    },
    async finish(): Promise<WrittenShard> {
      const digest = await out.finish()
      return { cid: carCid(digest), sizeBytes: out.totalBytes, entries }
    },
  }
}

/** A multihash as a map key: one character a byte. */
export function digestKey(multihash: Uint8Array): string {
  return Buffer.from(multihash.buffer, multihash.byteOffset, multihash.byteLength).toString('latin1')
}
