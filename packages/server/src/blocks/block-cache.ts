import type { CID } from 'multiformats/cid'
import { digestKey } from './shard-writer.ts'

/** Inner nodes and small files that are asked for again and again; 64 MiB hold some 5,000 nodes of big files. */
const maxCacheBytes = 64 * 1024 * 1024
/** What an entry takes beside the bytes of its block: of tiny blocks that is nearly everything. */
const entryBytes = 512
/** A full cache makes so much room at once: finding the oldest entry means passing over all that went before it. */
const roomBytes = maxCacheBytes / 8

/** The blocks read last, verified. Blocks never change, so nothing here goes stale; what is least recently used goes first. */
export function blockCache() {
  const blocks = new Map<string, Uint8Array>()
  let totalBytes = 0
  return {
    find(cid: CID): Uint8Array | undefined {
      const name = digestKey(cid.multihash.bytes)
      const bytes = blocks.get(name)
      if (bytes === undefined) return undefined
      blocks.delete(name)
      blocks.set(name, bytes)
      return bytes
    },
    keep(cid: CID, bytes: Uint8Array): void {
      const name = digestKey(cid.multihash.bytes)
      if (blocks.has(name)) return
      // A view would keep the whole buffer it was cut from in memory; `slice` of a Buffer is one.
      const own = bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes)
      blocks.set(name, own)
      totalBytes += own.byteLength + entryBytes
      if (totalBytes <= maxCacheBytes) return
      for (const [oldest, old] of blocks) {
        if (totalBytes <= maxCacheBytes - roomBytes) break
        blocks.delete(oldest)
        totalBytes -= old.byteLength + entryBytes
      }
    },
  }
}
