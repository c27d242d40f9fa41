import type { CID } from 'multiformats/cid'
import type { AbortOptions, Block, BlockSource } from '../block.ts'
import { ContentError } from '../errors.ts'
import { cidOfLink, decodeUnixFs, type UnixFsNode } from '../unixfs/read/node.ts'
import { findDagPbLink, sameBytes } from '../unixfs/read/scan.ts'
import { HAMT_HASH_CODE, hamtHash, hamtPrefix } from './hash.ts'

const encoder = new TextEncoder()

/** Most slots a shard node may have: 10 bits of the hash a level. Writers in use take 256. */
const MAX_FANOUT = 1024

export interface FoundInHamt {
  cid: CID
  /** The shard nodes below the root that were read on the way, in order. */
  shards: Block[]
}

/**
 * Looks a name up in a sharded directory: one block a level, two or three for a directory of 100,000 names.
 *
 * `root` is the block of the directory itself. Gives undefined where there is no such name. Throws `INVALID_BLOCK` for a shard
 * that is not one. (UnixFS specification, "HAMT sharded directories".)
 */
export async function findInHamt(
  blocks: BlockSource,
  root: Block,
  name: string,
  options?: AbortOptions,
): Promise<FoundInHamt | undefined> {
  const wanted = encoder.encode(name)
  const hash = new HashBits(hamtHash(name))
  const shards: Block[] = []
  for (let shard = root; ; ) {
    const bits = slotBits(shard.cid, decodeUnixFs(shard.cid, shard.bytes))
    const slot = hash.take(bits)
    if (slot === undefined) return undefined
    const prefix = encoder.encode(hamtPrefix(slot, prefixLength(bits)))
    const link = findDagPbLink(shard.bytes, prefix, false)
    if (!link) return undefined
    const cid = cidOfLink(link)
    if (link.name.length > prefix.length)
      return sameBytes(link.name.subarray(prefix.length), wanted) ? { cid, shards } : undefined
    shard = { cid, bytes: await blocks.get(cid, options) }
    shards.push(shard)
  }
}

/** Hexadecimal digits in front of the names in a shard node. */
export function prefixLengthOf(cid: CID, node: UnixFsNode): number {
  return prefixLength(slotBits(cid, node))
}

function prefixLength(bits: number): number {
  return (2 ** bits - 1).toString(16).length
}

function slotBits(cid: CID, node: UnixFsNode): number {
  const fanout = node.fanout ?? 0
  const bits = Math.log2(fanout)
  if (
    node.type === 'hamt-sharded-directory' &&
    node.hashType === HAMT_HASH_CODE &&
    fanout <= MAX_FANOUT &&
    bits >= 3 &&
    Number.isInteger(bits)
  ) {
    return bits
  }
  throw new ContentError('INVALID_BLOCK', `Block ${cid} should be part of a sharded directory and is not.`)
}

/** Hands the bits of a hash out, most significant first. */
class HashBits {
  readonly #hash: Uint8Array
  #position = 0

  constructor(hash: Uint8Array) {
    this.#hash = hash
  }

  /** The next `count` bits as a number, undefined when not that many are left. */
  take(count: number): number | undefined {
    if (this.#position + count > this.#hash.length * 8) return undefined
    let value = 0
    for (let i = 0; i < count; i++, this.#position++) {
      value = value * 2 + ((this.#hash[this.#position >> 3]! >> (7 - (this.#position & 7))) & 1)
    }
    return value
  }
}
