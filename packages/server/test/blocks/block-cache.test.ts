import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { describe, expect, it } from 'vitest'
import { blockCache } from '../../src/blocks/block-cache.ts'

function cidOf(n: number): CID {
  const digest = new Uint8Array(32)
  new DataView(digest.buffer).setUint32(0, n)
  return CID.createV1(0x55, Digest.create(0x12, digest))
}

describe('the cache of blocks', () => {
  it('keeps no more tiny blocks than fit into memory with all that they take beside their bytes', () => {
    const cache = blockCache()
    const cids = Array.from({ length: 150_000 }, (_, n) => cidOf(n))
    for (const cid of cids) cache.keep(cid, Uint8Array.of(1))
    const kept = cids.filter((cid) => cache.find(cid)).length
    expect(kept).toBeLessThan((64 * 1024 * 1024) / 512)
    expect(kept).toBeGreaterThan(100_000)
    // The last ones.
    expect([cids[0], cids.at(-1)].map((cid) => cache.find(cid as CID))).toEqual([undefined, Uint8Array.of(1)])
  })

  it('holds on to no buffer that a block was cut from', () => {
    const cache = blockCache()
    const read = Buffer.alloc(1024 * 1024)
    cache.keep(cidOf(1), read.subarray(100, 110))
    expect(cache.find(cidOf(1))?.buffer.byteLength).toBe(10)
  })
})
