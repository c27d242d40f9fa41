import * as dagPb from '@ipld/dag-pb'
import { CID } from 'multiformats/cid'
import type { Block } from '../../block.ts'
import { ContentError } from '../../errors.ts'
import { dagPbCid } from '../../hash/cid.ts'
import type { PackedEntry } from '../../unixfs/file.ts'
import { type DagEntry, foldersOf } from './entries.ts'

/** Links one folder may have: with these its block stays below the 2 MiB that peers exchange. Who grinds CIDs can get it there. */
export const MAX_FOLDER_LINKS = 16_384

/** What UnixFS says about a plain directory: field 1, its type, is 1. */
const DIRECTORY = new Uint8Array([0x08, 0x01])

type OnBlock = (block: Block) => void

/** A link made when its block is, so that a CID is held no longer than that. */
type Links = Map<string, PackedEntry>

/**
 * Makes the folders of sorted entries and writes down in each entry which links lead to it. Blocks are handed out children first; the answer is
 * the links of the root, which lack the manifest. Folders are plain UnixFS directories, however many entries they have.
 *
 * @throws {ContentError} `LIMIT_EXCEEDED` for a folder of more than `MAX_FOLDER_LINKS`.
 */
export async function packFolders(entries: readonly DagEntry[], onBlock: OnBlock, signal?: AbortSignal): Promise<Links> {
  const outer: Links = new Map()
  for (const [outerIndex, [outerName, inOuter]] of grouped(entries, 0).entries()) {
    const inner: Links = new Map()
    for (const [innerIndex, [innerName, inInner]] of grouped(inOuter, 1).entries()) {
      signal?.throwIfAborted()
      const dags: Links = new Map()
      for (const [index, entry] of inInner.entries()) {
        // The manifest has the first place in the root.
        entry.links = [outerIndex + 1, innerIndex, index]
        dags.set(entry.cid, { cid: CID.parse(entry.cid), dagBytes: entry.dagBytes ?? 0 })
      }
      inner.set(innerName, await packFolder(dags, onBlock))
    }
    outer.set(outerName, await packFolder(inner, onBlock))
  }
  return outer
}

/** Makes a directory of links that are sorted by name already. */
export async function packFolder(links: Links, onBlock: OnBlock): Promise<PackedEntry> {
  if (links.size > MAX_FOLDER_LINKS) {
    const [name] = links.keys()
    throw new ContentError(
      'LIMIT_EXCEEDED',
      `The folder of ${name} would have ${links.size} links, more than the limit of ${MAX_FOLDER_LINKS}.`,
    )
  }
  let dagBytes = 0
  const pbLinks: dagPb.PBLink[] = []
  for (const [name, link] of links) {
    pbLinks.push({ Hash: link.cid, Name: name, Tsize: link.dagBytes })
    dagBytes += link.dagBytes
  }
  const bytes = dagPb.encode({ Data: DIRECTORY, Links: pbLinks })
  const cid = await dagPbCid(bytes)
  onBlock({ cid, bytes })
  return { cid, dagBytes: dagBytes + bytes.length }
}

/** Entries by the name of a folder, names sorted; entries keep their order. */
function grouped(entries: readonly DagEntry[], level: 0 | 1): [string, DagEntry[]][] {
  const groups = new Map<string, DagEntry[]>()
  for (const entry of entries) {
    const name = foldersOf(entry.cid)[level]
    const group = groups.get(name)
    if (group) group.push(entry)
    else groups.set(name, [entry])
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1))
}
