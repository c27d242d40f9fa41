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

/** All entries, and their order by hash: what shares a node is one run in it. */
interface SortedEntries {
  entries: readonly ShardEntry[]
  /** `HAMT_MAX_LEVELS` bytes for each entry. */
  hashes: Uint8Array
  /** Indices of entries, lowest hash first. */
  order: Uint32Array
}

/**
 * Makes the shard nodes of a directory, children first: entries go by their hash's bytes, one level a byte, until each is alone
 * in its slot. Names must differ. (UnixFS specification, "HAMT sharded directories".)
 *
 * @throws {ContentError} `INVALID_INPUT` when two names have the same hash.
 */
export async function* packShards(entries: readonly ShardEntry[]): AsyncGenerator<Block, PackedShard, undefined> {
  return yield* packShard(sortByHash(entries), 0, entries.length, 0)
}

/** Makes the node of the entries from place `start` to before `end` of the order, which agree on the levels above. */
async function* packShard(
  sorted: SortedEntries,
  start: number,
  end: number,
  level: number,
): AsyncGenerator<Block, PackedShard, undefined> {
  if (level === HAMT_MAX_LEVELS) throw collision(sorted, start)
  const links: dagPb.PBLink[] = []
  const bitfield = new Uint8Array(HAMT_FANOUT / 8)
  for (let at = start; at < end; ) {
    const slot = slotAt(sorted, at, level)
    const from = at++
    while (at < end && slotAt(sorted, at, level) === slot) at++
    const prefix = hamtPrefix(slot)
    if (at - from === 1) {
      const entry = entryAt(sorted, from)
      links.push({ Hash: entry.cid, Name: prefix + entry.name, Tsize: entry.dagBytes })
    } else {
      const shard = yield* packShard(sorted, from, at, level + 1)
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

function sortByHash(entries: readonly ShardEntry[]): SortedEntries {
  const hashes = new Uint8Array(entries.length * HAMT_MAX_LEVELS)
  for (const [index, { name }] of entries.entries()) hashes.set(hamtHash(name), index * HAMT_MAX_LEVELS)
  const view = new DataView(hashes.buffer)
  const order = Uint32Array.from(entries.keys()).sort((left, right) => {
    const [a, b] = [left * HAMT_MAX_LEVELS, right * HAMT_MAX_LEVELS]
    return view.getUint32(a) - view.getUint32(b) || view.getUint32(a + 4) - view.getUint32(b + 4)
  })
  return { entries, hashes, order }
}

function slotAt({ hashes, order }: SortedEntries, place: number, level: number): number {
  return hashes[order[place]! * HAMT_MAX_LEVELS + level]!
}

function entryAt({ entries, order }: SortedEntries, place: number): ShardEntry {
  return entries[order[place]!]!
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

function collision(sorted: SortedEntries, place: number): ContentError {
  const names = [place, place + 1].map((at) => JSON.stringify(entryAt(sorted, at).name))
  return new ContentError('INVALID_INPUT', `the names ${names.join(' and ')} have the same hash and cannot be in one directory`)
}
