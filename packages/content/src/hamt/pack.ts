import * as dagPb from '@ipld/dag-pb'
import { UnixFS } from 'ipfs-unixfs'
import type { CID } from 'multiformats/cid'
import type { Block } from '../block.ts'
import { ContentError } from '../errors.ts'
import { dagPbCid } from '../hash/cid.ts'
import { HAMT_FANOUT, HAMT_HASH_CODE, HAMT_MAX_LEVELS, hamtHash, hamtPrefix } from './hash.ts'

interface ShardEntry {
  name: string
  cid: CID
  dagBytes: number
}

interface PackedShard {
  cid: CID
  dagBytes: number
}

/**
 * Makes the shard nodes of a directory, children first: entries go by their hash's bytes, one level a byte, until each is alone
 * in its slot. Names must differ. (UnixFS specification, "HAMT sharded directories".)
 *
 * @throws {ContentError} `INVALID_INPUT` when two names have the same hash.
 */
export async function* packShards(entries: readonly ShardEntry[]): AsyncGenerator<Block, PackedShard, undefined> {
  const hashes = new Uint8Array(entries.length * HAMT_MAX_LEVELS)
  for (const [index, { name }] of entries.entries()) hashes.set(hamtHash(name), index * HAMT_MAX_LEVELS)
  const indices = Uint32Array.from(entries, (_, index) => index)
  return yield* packShard(entries, hashes, indices, 0)
}

async function* packShard(
  entries: readonly ShardEntry[],
  hashes: Uint8Array,
  indices: Uint32Array,
  level: number,
): AsyncGenerator<Block, PackedShard, undefined> {
  if (level === HAMT_MAX_LEVELS) throw collision(entries, indices)
  const links: dagPb.PBLink[] = []
  const bitfield = new Uint8Array(HAMT_FANOUT / 8)
  for (const [slot, members] of bySlot(hashes, indices, level)) {
    const prefix = hamtPrefix(slot)
    if (members.length === 1) {
      const entry = entries[members[0]!]!
      links.push({ Hash: entry.cid, Name: prefix + entry.name, Tsize: entry.dagBytes })
    } else {
      const shard = yield* packShard(entries, hashes, members, level + 1)
      links.push({ Hash: shard.cid, Name: prefix, Tsize: shard.dagBytes })
    }
    // Slot 0 is the lowest bit of the last byte.
    bitfield[bitfield.length - 1 - (slot >> 3)]! |= 1 << (slot & 7)
  }
  const bytes = encodeShard(bitfield, links)
  const cid = await dagPbCid(bytes)
  yield { cid, bytes }
  let dagBytes = bytes.length
  for (const link of links) dagBytes += link.Tsize ?? 0
  return { cid, dagBytes }
}

function encodeShard(bitfield: Uint8Array, links: dagPb.PBLink[]): Uint8Array {
  const firstUsed = bitfield.findIndex((byte) => byte !== 0)
  const node = new UnixFS({
    type: 'hamt-sharded-directory',
    data: bitfield.subarray(firstUsed),
    fanout: BigInt(HAMT_FANOUT),
    hashType: BigInt(HAMT_HASH_CODE),
  })
  // Slots in order are names in order, for each begins with its slot.
  return dagPb.encode({ Data: node.marshal(), Links: links })
}

/** Groups entries by their slot at `level`, lowest slot first. */
function* bySlot(hashes: Uint8Array, indices: Uint32Array, level: number): Generator<[slot: number, members: Uint32Array]> {
  const ends = new Uint32Array(HAMT_FANOUT)
  for (const index of indices) ends[hashes[index * HAMT_MAX_LEVELS + level]!]!++
  for (let slot = 1; slot < HAMT_FANOUT; slot++) ends[slot]! += ends[slot - 1]!
  const sorted = new Uint32Array(indices.length)
  const next = new Uint32Array(HAMT_FANOUT)
  next.set(ends.subarray(0, HAMT_FANOUT - 1), 1)
  for (const index of indices) sorted[next[hashes[index * HAMT_MAX_LEVELS + level]!]!++] = index
  for (let slot = 0, start = 0; slot < HAMT_FANOUT; start = ends[slot]!, slot++) {
    if (ends[slot]! > start) yield [slot, sorted.subarray(start, ends[slot])]
  }
}

function collision(entries: readonly ShardEntry[], indices: Uint32Array): ContentError {
  const names = Array.from(indices.subarray(0, 2), (index) => JSON.stringify(entries[index]!.name))
  return new ContentError('INVALID_INPUT', `the names ${names.join(' and ')} have the same hash and cannot be in one directory`)
}
