import type { AbortOptions, BlockSource } from '@keepsake/content/block.ts'
import { isIdentity } from '@keepsake/content/dag/identity.ts'
import { linksOf } from '@keepsake/content/dag/links.ts'
import { DAG_CBOR, DAG_JSON } from '@keepsake/content/hash/cid.ts'
import { listDirectory } from '@keepsake/content/unixfs/read/directory.ts'
import { decodeUnixFs, isDirectory, isUnixFs } from '@keepsake/content/unixfs/read/node.ts'
import { CID } from 'multiformats/cid'

/** Ways into one content that are announced beside its root; a larger collection is found by its root. */
export const maxEntries = 10_000

/**
 * What people have links to below a root: the entries of a directory, what a dag-cbor or dag-json block such as the metadata of a token names. None for
 * a file, whose blocks are nobody's way in.
 */
export async function entriesOf(blocks: BlockSource, root: CID, options?: AbortOptions): Promise<CID[]> {
  const found = new Map<string, CID>()
  for await (const cid of linksFrom(blocks, root, options)) {
    if (!isIdentity(cid)) found.set(cid.toString(), CID.decode(cid.bytes.slice()))
    if (found.size === maxEntries) break
  }
  return [...found.values()]
}

async function* linksFrom(blocks: BlockSource, root: CID, options?: AbortOptions): AsyncGenerator<CID> {
  if (root.code !== DAG_CBOR && root.code !== DAG_JSON && !isUnixFs(root)) return
  const bytes = await blocks.get(root, options)
  if (!isUnixFs(root)) yield* linksOf(root, bytes) ?? []
  else if (isDirectory(decodeUnixFs(root, bytes)))
    for await (const { cid } of listDirectory(blocks, root, { bytes, ...options })) yield cid
}
