import { resolveSelector } from '@keepsake/content/aggregate/unixfs-2021/find-entry.ts'
import type { CID } from 'multiformats/cid'
import { type ContentPath, parseContentPath } from '../cid-argument.ts'
import { UsageError } from '../failure.ts'
import type { PieceFile } from './piece-file.ts'
import type { Pieces } from './pieces.ts'

/** What a person wants out of a piece: a CID (and a path in it), a path from the root, or a selector from the root. */
export type WantedItem =
  | { kind: 'cid'; content: ContentPath }
  | { kind: 'path'; path: string[] }
  | { kind: 'selector'; selector: string }

/** @throws UsageError */
export function parseItem(text: string): WantedItem {
  if (/^Links\//.test(text)) return { kind: 'selector', selector: text }
  const isFromRoot = text.startsWith('/') && !text.startsWith('/ipfs/')
  // The folders of an aggregate are named by ends of CIDs, with dots between them.
  if (isFromRoot || /^[^/]*\.\.\.[^/]*\//.test(text)) return { kind: 'path', path: pathOf(text) }
  return { kind: 'cid', content: parseContentPath(text) }
}

function pathOf(text: string): string[] {
  const path = text.split('/').filter((segment) => segment !== '')
  if (path.some((segment) => segment === '.' || segment === '..'))
    throw new UsageError(`"${text}" is not a path: "." and ".." have no place in it.`)
  return path
}

/** Where the item begins: a CID whose block is in the pieces, and names below it. */
export async function findItem({ first, blocks }: Pieces, wanted: WantedItem, signal: AbortSignal): Promise<ContentPath> {
  if (wanted.kind === 'cid') return wanted.content
  const root = onlyRoot(first, wanted.kind)
  if (wanted.kind === 'path') return { cid: root, path: wanted.path }
  return { cid: await resolveSelector(blocks, root, wanted.selector, { signal }), path: [] }
}

function onlyRoot({ roots, layout }: PieceFile, kind: string): CID {
  const [root] = roots
  if (layout === 'segments')
    throw new UsageError(`This is an aggregate of data segments: it has no directory, so a ${kind} leads nowhere. Give a CID.`)
  if (root === undefined || roots.length > 1)
    throw new UsageError(`A ${kind} begins at the root of a CAR, and this one has ${roots.length}. Give a CID.`)
  return root
}
