import { CID } from 'multiformats/cid'
import { ContentError } from '../../errors.ts'
import { compactText } from '../../hash/cid-text.ts'
import { MAX_ENTRIES } from '../entry-limit.ts'

/** A DAG to be put into an aggregate. */
export interface DagItem {
  root: CID
  /** Bytes of its blocks, each counted once; 0 and undefined say that nobody knows. */
  dagBytes?: number | undefined
  /** Its blocks, each counted once; 0 and undefined say that nobody knows. */
  nodeCount?: number | undefined
}

/** A DAG in an aggregate, and the two ways to it. */
export interface DagEntry {
  /** The root as CIDv1 in base32: also the last name of its path. */
  cid: string
  dagBytes: number | undefined
  nodeCount: number | undefined
  /** Which link to take in the root of the aggregate, in the first folder, in the second. */
  links: [number, number, number]
}

/** The way to an entry by names, from the root of the aggregate. */
export function entryPath({ cid }: Pick<DagEntry, 'cid'>): string {
  return [...foldersOf(cid), cid].join('/')
}

/** The way to an entry in the data model of dag-pb: what the API calls `datamodelSelector`. */
export function entrySelector({ links }: Pick<DagEntry, 'links'>): string {
  return links.map((index) => `Links/${index}/Hash`).join('/')
}

/** The names before that of a DAG: made of the beginning and the end of its CID, so that they spread evenly. */
export function foldersOf(cid: string): [string, string] {
  const start = `${cid.slice(0, 3)}...`
  return [start + cid.slice(-2), start + cid.slice(-4)]
}

/** The same CID as version 0 where it can be one: dag-pb and a whole sha2-256. */
export function cidV0Of(cid: string): string | undefined {
  // Only these begin like this: version 1, dag-pb, sha2-256, 32 bytes, in base32. Not parsing half of all CIDs twice is worth it.
  return cid.startsWith('bafybei') ? CID.parse(cid).toV0().toString() : undefined
}

/**
 * The entries of an aggregate, sorted by CID, each root once (the first counts), without their links.
 *
 * @throws {ContentError} `INVALID_INPUT` without items, `LIMIT_EXCEEDED` past `MAX_ENTRIES`.
 */
export function entriesOf(items: Iterable<DagItem>): DagEntry[] {
  const entries = new Map<string, DagEntry>()
  for (const { root, dagBytes, nodeCount } of items) {
    const cid = compactText(root.toV1())
    if (entries.has(cid)) continue
    if (entries.size === MAX_ENTRIES) {
      throw new ContentError('LIMIT_EXCEEDED', `An aggregate may hold ${MAX_ENTRIES} DAGs; there are more.`)
    }
    entries.set(cid, {
      cid,
      dagBytes: dagBytes || undefined,
      nodeCount: nodeCount || undefined,
      links: [0, 0, 0],
    })
  }
  if (entries.size === 0) throw new ContentError('INVALID_INPUT', 'An aggregate must hold at least one DAG.')
  return [...entries.values()].sort((a, b) => (a.cid < b.cid ? -1 : 1))
}
