import { encode as encodeDagJson } from '@ipld/dag-json'
import { CID } from 'multiformats/cid'
import type { AbortOptions, Block, BlockSource } from '../block.ts'
import { ContentError } from '../errors.ts'
import { DAG_CBOR, DAG_JSON, DAG_PB } from '../hash/cid.ts'
import { findInDirectory } from '../unixfs/read/directory.ts'
import { decodeDagCbor, decodeDagJson } from './decode-block.ts'
import { withIdentity } from './identity.ts'

/** Most segments a path may have. */
export const MAX_SEGMENTS = 256

/** Where a path ends. */
export interface Resolution {
  /** The block the path ends in. */
  cid: CID
  bytes: Uint8Array
  /** The blocks read on the way, from the root to right before `cid`, in the order a verifier needs them. */
  path: Block[]
  /** The root and every CID a segment of the path led to, `cid` last: `X-Ipfs-Roots`. */
  roots: CID[]
  /** Segments that lead to something inside the last block that is not a link (dag-cbor, dag-json); empty for all else. */
  remainder: string[]
}

/**
 * Follows a path from a root through UnixFS directories (basic and sharded) and through the links in dag-cbor and dag-json.
 *
 * Segments are names as stored, already decoded. Symbolic links are not followed. Throws `PATH_NOT_FOUND` naming the segment,
 * `BLOCK_NOT_FOUND`, `INVALID_BLOCK`, `LIMIT_EXCEEDED` past `MAX_SEGMENTS`. (Path Gateway specification, "Content resolution".)
 */
export async function resolvePath(
  blocks: BlockSource,
  root: CID,
  segments: readonly string[],
  options: AbortOptions = {},
): Promise<Resolution> {
  if (segments.length > MAX_SEGMENTS) {
    throw new ContentError('LIMIT_EXCEEDED', `A path may have ${MAX_SEGMENTS} segments, this one has ${segments.length}.`)
  }
  const source = withIdentity(blocks)
  const path: Block[] = []
  const roots = [root]
  let here: Block = { cid: root, bytes: await source.get(root, options) }
  for (let position = 0; position < segments.length; ) {
    const step = await follow(source, here, segments.slice(position), options)
    if (step.cid === undefined) return { ...here, path, roots, remainder: segments.slice(position) }
    path.push(here, ...step.shards)
    roots.push(step.cid)
    here = { cid: step.cid, bytes: await source.get(step.cid, options) }
    position += step.consumed
  }
  return { ...here, path, roots, remainder: [] }
}

interface Step {
  /** Undefined where the segments end inside the block. */
  cid: CID | undefined
  shards: Block[]
  consumed: number
}

async function follow(blocks: BlockSource, here: Block, segments: readonly string[], options: AbortOptions): Promise<Step> {
  if (here.cid.code === DAG_CBOR || here.cid.code === DAG_JSON) return followValue(here, segments)
  const name = segments[0]!
  const found = here.cid.code === DAG_PB ? await findInDirectory(blocks, here, name, options) : undefined
  if (!found) throw notFound(here.cid, name)
  return { ...found, consumed: 1 }
}

function followValue(here: Block, segments: readonly string[]): Step {
  let value = decodeValue(here)
  for (const [index, segment] of segments.entries()) {
    value = child(value, segment)
    if (value === undefined) throw notFound(here.cid, segment)
    const cid = CID.asCID(value)
    if (cid) return { cid, shards: [], consumed: index + 1 }
  }
  return { cid: undefined, shards: [], consumed: 0 }
}

/** The data of a dag-cbor or dag-json block. Throws `INVALID_BLOCK`, `UNSUPPORTED_CODEC`. */
export function decodeValue({ cid, bytes }: Block): unknown {
  if (cid.code === DAG_CBOR) return decodeDagCbor(cid, bytes)
  if (cid.code === DAG_JSON) return decodeDagJson(cid, bytes)
  throw new ContentError('UNSUPPORTED_CODEC', `Block ${cid} is neither dag-cbor nor dag-json.`)
}

/** Such data as indented text, links and bytes spelled the way dag-json spells them. */
export function valueAsText(value: unknown): string {
  return JSON.stringify(JSON.parse(new TextDecoder().decode(encodeDagJson(value))), undefined, 2)
}

function child(value: unknown, segment: string): unknown {
  if (Array.isArray(value)) return /^(0|[1-9]\d*)$/.test(segment) ? value[Number(segment)] : undefined
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return undefined
  return Object.hasOwn(value, segment) ? (value as Record<string, unknown>)[segment] : undefined
}

function notFound(cid: CID, name: string): ContentError {
  return new ContentError('PATH_NOT_FOUND', `There is no link named "${name}" under ${cid}.`)
}
