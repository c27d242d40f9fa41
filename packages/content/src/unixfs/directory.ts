import * as dagPb from '@ipld/dag-pb'
import { UnixFS } from 'ipfs-unixfs'
import type { Block } from '../block.ts'
import { ContentError } from '../errors.ts'
import { packShards } from '../hamt/pack.ts'
import { dagPbCid } from '../hash/cid.ts'
import type { PackedEntry } from './file.ts'
import { checkName } from './path.ts'

/** From this many entries on a directory is sharded. It decides CIDs, so it may never change. */
const SHARD_AT_ENTRIES = 1000

export interface DirectoryEntry extends PackedEntry {
  name: string
}

/**
 * Makes a directory of entries that are packed already, as nft.storage did: one dag-pb block, or a HAMT from 1,000 entries on.
 * Blocks come children first. The order of the entries does not matter. Sources that can make an entry's `cid` when asked for it
 * (a getter) keep memory low: it is read once, when the entry's block is made.
 *
 * @throws {ContentError} `INVALID_INPUT` when a name comes twice or is one that `checkName` refuses.
 */
export async function* packDirectory(entries: Iterable<DirectoryEntry>): AsyncGenerator<Block, PackedEntry, undefined> {
  const all = [...entries]
  checkNames(all)
  if (all.length >= SHARD_AT_ENTRIES) return yield* packShards(all)
  const links: dagPb.PBLink[] = []
  let dagBytes = 0
  for (const entry of all) {
    links.push({ Hash: entry.cid, Name: entry.name, Tsize: entry.dagBytes })
    dagBytes += entry.dagBytes
  }
  const data = new UnixFS({ type: 'directory' }).marshal()
  const bytes = dagPb.encode(dagPb.prepare({ Data: data, Links: links }))
  const cid = await dagPbCid(bytes)
  yield { cid, bytes }
  return { cid, dagBytes: dagBytes + bytes.length }
}

function checkNames(entries: readonly DirectoryEntry[]): void {
  const names = new Set<string>()
  for (const { name } of entries) {
    checkName(name)
    if (names.has(name)) throw new ContentError('INVALID_INPUT', `${JSON.stringify(name)} is in the directory twice`)
    names.add(name)
  }
}
