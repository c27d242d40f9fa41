import type { CID } from 'multiformats/cid'
import type { AbortOptions, Block, BlockSource } from '../../block.ts'
import { isIdentity, withIdentity } from '../../dag/identity.ts'
import { linksOf } from '../../dag/links.ts'
import type { Resolution } from '../../dag/resolve.ts'
import { type Visit, walk } from '../../dag/walk.ts'
import { ContentError } from '../../errors.ts'
import { directoryBlocks } from './directory.ts'
import { fileBlocks } from './file.ts'
import { decodeUnixFs, isDirectory, isFile, isUnixFs, sizeOfFile } from './node.ts'

/** How much of a DAG is wanted below the end of a path (Trustless Gateway specification, "dag-scope"). */
export type DagScope = 'block' | 'entity' | 'all'

/** A range of a file, both ends included; negative numbers count from its end, `to` undefined is its end ("entity-bytes"). */
export interface EntityBytes {
  from: number
  to: number | undefined
}

export interface ScopeOptions extends AbortOptions {
  scope: DagScope
  /** Only used with scope `entity` on a file. */
  entityBytes?: EntityBytes | undefined
  /** Yield a block every time the walk meets it; otherwise once, which takes memory for every CID met. */
  duplicates?: boolean | undefined
}

/**
 * Yields the blocks that let somebody else follow a path and verify what it leads to: those of the path, then those of the scope,
 * depth first. Identity CIDs are walked through and never yielded. Throws `INVALID_INPUT` where a range lies past the file.
 */
export async function* scopedBlocks(blocks: BlockSource, resolution: Resolution, options: ScopeOptions): AsyncGenerator<Block> {
  const met = new Set<string>()
  const isNew = (cid: CID) =>
    !isIdentity(cid) && (options.duplicates || (!met.has(keyOf(cid)) && met.add(keyOf(cid)) !== undefined))
  for (const block of resolution.path) if (isNew(block.cid)) yield block
  if (options.scope === 'all') yield* allBlocks(blocks, resolution, options, met)
  else for await (const block of entityBlocks(blocks, resolution, options)) if (isNew(block.cid)) yield block
}

/**
 * A CID without its version: what was sent as CIDv0 need not be sent again as CIDv1. The codec stays, because the same bytes have
 * links as dag-pb and none as raw.
 */
function keyOf(cid: CID): string {
  return String.fromCharCode(cid.code, ...cid.multihash.digest)
}

async function* allBlocks(
  blocks: BlockSource,
  { cid, bytes }: Resolution,
  { duplicates, signal }: ScopeOptions,
  met: Set<string>,
): AsyncGenerator<Block> {
  const expand = (block: Uint8Array, visit: Visit<undefined>) => {
    const children: Visit<undefined>[] = []
    const links = linksOf(visit.cid, block)
    if (!links)
      throw new ContentError('UNSUPPORTED_CODEC', `What block ${visit.cid} links to cannot be read: its codec is not known.`)
    for (const link of duplicates ? links : unmet(links, met)) children.push({ cid: link, info: undefined })
    return { value: { cid: visit.cid, bytes: block }, children }
  }
  const enter = ({ cid: next }: Visit<undefined>) => duplicates || (!met.has(keyOf(next)) && met.add(keyOf(next)) !== undefined)
  for await (const block of walk(withIdentity(blocks), { cid, info: undefined }, expand, { signal, bytes, enter })) {
    if (!isIdentity(block.cid)) yield block
  }
}

/** Links that nobody met yet, each once: what will be left out need not be read. */
function unmet(links: readonly CID[], met: ReadonlySet<string>): CID[] {
  const listed = new Map<string, CID>()
  for (const link of links) if (!met.has(keyOf(link))) listed.set(keyOf(link), listed.get(keyOf(link)) ?? link)
  return [...listed.values()]
}

async function* entityBlocks(
  blocks: BlockSource,
  { cid, bytes }: Resolution,
  { scope, entityBytes, signal }: ScopeOptions,
): AsyncGenerator<Block> {
  const node = scope === 'entity' && isUnixFs(cid) ? decodeUnixFs(cid, bytes) : undefined
  if (node && isDirectory(node)) yield* directoryBlocks(blocks, cid, { signal, bytes })
  else if (node && isFile(node)) yield* fileBlocks(blocks, cid, { signal, bytes, ...rangeOf(sizeOfFile(node), entityBytes) })
  else yield { cid, bytes }
}

/** What a range means for a file of `sizeBytes`. Throws `INVALID_INPUT` where it begins at or past the end of the file. */
export function rangeOf(sizeBytes: number, range: EntityBytes = { from: 0, to: undefined }): { offset: number; length: number } {
  const offset = range.from < 0 ? Math.max(0, sizeBytes + range.from) : range.from
  if (offset > 0 && offset >= sizeBytes) {
    throw new ContentError('INVALID_INPUT', `The range begins at byte ${offset}, the file has ${sizeBytes} bytes.`)
  }
  const last = range.to === undefined ? sizeBytes - 1 : range.to < 0 ? sizeBytes + range.to : range.to
  return { offset, length: Math.max(0, Math.min(last, sizeBytes - 1) - offset + 1) }
}
