import { decodeCar } from '@keepsake/content/car/decode.ts'
import { encodeCarHeader } from '@keepsake/content/car/encode.ts'
import { MAX_PREFIX_BYTES, parseSectionPrefix } from '@keepsake/content/car/section-prefix.ts'
import { linksOf } from '@keepsake/content/dag/links.ts'
import { isContentError } from '@keepsake/content/errors.ts'
import { verifyBlock } from '@keepsake/content/hash/verify.ts'
import type { CID } from 'multiformats/cid'
import type { RetrievalWay } from '../database/schema-retrievals.ts'
import type { GuardedHttp } from '../network/guarded-get.ts'
import { collect, type FetchLimits, type Measured, measuredGet } from './measured-get.ts'
import { RetrievalFailure } from './retrievals.ts'

/** Something a provider is asked to give back. */
export interface WantedItem {
  root: CID
  /** What is asked for as a single block: its root; of a DAG that lies in several pieces any block that is in this one. */
  block: CID
  /** Whether all of the DAG is in the piece. */
  isWhole: boolean
  /** Bytes of its whole DAG. */
  dagBytes: number
  /** The piece it lies in, by the CID deals name. */
  pieceCid: string
  /** Where in the piece the section of its root begins; undefined where that is not known. */
  sectionOffset: number | undefined
  /** From the root of the aggregate to it, by names and by numbers of links; undefined where there is no directory. */
  path: { aggregateRoot: CID; names: string[]; links: number[] } | undefined
}

interface Fetching {
  http: GuardedHttp
  /** Base of what the provider serves. */
  baseUrl: string
  limits: FetchLimits
  signal?: AbortSignal | undefined
}

/** A block is exchanged up to this size. */
const maxBlockBytes = 4 * 1024 * 1024
/** The CIDs and lengths of a CAR beside its blocks, as a share of them and a bit. */
const overhead = (bytes: number) => 2 * bytes + 64 * 1024

/**
 * Fetches an item back in one way and checks every byte of it against hashes that the provider has no say in.
 *
 * @returns when all of it is right; `measured` says what it took also where it is not
 * @throws RetrievalFailure
 */
export async function fetchBack(fetching: Fetching, item: WantedItem, way: RetrievalWay, measured: Measured): Promise<void> {
  try {
    await ways[way](fetching, item, measured)
  } catch (error) {
    if (isContentError(error, 'HASH_MISMATCH')) throw new RetrievalFailure('wrong-bytes', error.message, { cause: error })
    if (isContentError(error))
      throw new RetrievalFailure('wrong-bytes', `What came is not what was asked for: ${error.message}`, { cause: error })
    throw error
  }
}

const ways: Record<RetrievalWay, (fetching: Fetching, item: WantedItem, measured: Measured) => Promise<void>> = {
  async raw(fetching, { block }, measured) {
    const bytes = await collect(get(fetching, `ipfs/${block}?format=raw`, 'application/vnd.ipld.raw', maxBlockBytes, measured))
    await verifyBlock(block, bytes)
  },
  async car(fetching, { root, dagBytes }, measured) {
    await checkWholeDag(get(fetching, `ipfs/${root}?format=car`, carType, overhead(dagBytes), measured), root)
  },
  async path(fetching, { root, path }, measured) {
    if (!path) throw new Error('There is no path to it.')
    const names = path.names.map(encodeURIComponent).join('/')
    const body = get(
      fetching,
      `ipfs/${path.aggregateRoot}/${names}?format=car&dag-scope=block`,
      carType,
      64 * maxBlockBytes,
      measured,
    )
    const blocks = await verifiedBlocks(body)
    let at = path.aggregateRoot
    for (const link of path.links) at = linkOf(blocks, at, link)
    if (!at.toV1().equals(root)) throw new RetrievalFailure('wrong-bytes', `The path leads to ${at}, not to ${root}.`)
    blockOf(blocks, at)
  },
  async piece(fetching, { root, pieceCid, sectionOffset }, measured) {
    if (sectionOffset === undefined) throw new Error('Its place in the piece is not known.')
    const end = sectionOffset + MAX_PREFIX_BYTES + maxBlockBytes
    const range = { range: `bytes=${sectionOffset}-${end - 1}` }
    const body = send(
      fetching,
      { path: `piece/${pieceCid}`, headers: range, maxBytes: end - sectionOffset, status: 206 },
      measured,
    )
    await checkSection(body, root)
  },
}

const carType = 'application/vnd.ipld.car; version=1; order=dfs; dups=n'

function send(
  { http, baseUrl, limits, signal }: Fetching,
  { path, ...request }: { path: string; headers: Record<string, string>; maxBytes: number; status: 200 | 206 },
  measured: Measured,
): AsyncGenerator<Uint8Array> {
  const url = new URL(path, baseUrl.endsWith('/') ? baseUrl : `${baseUrl}/`)
  return measuredGet(http, { url, ...request }, limits, measured, signal)
}

function get(fetching: Fetching, path: string, accept: string, maxBytes: number, measured: Measured): AsyncGenerator<Uint8Array> {
  return send(fetching, { path, headers: { accept }, maxBytes, status: 200 }, measured)
}

function keyOf(cid: CID): string {
  return Buffer.from(cid.multihash.bytes).toString('base64')
}

/** Every block below the root has to be among those that come, and each has to be what its CID says. Memory: the CIDs. */
async function checkWholeDag(body: AsyncIterable<Uint8Array>, root: CID): Promise<void> {
  await using car = await decodeCar(body)
  const wanted = new Map([[keyOf(root), root]])
  const came = new Set<string>()
  for await (const { cid, bytes } of car.blocks) {
    await verifyBlock(cid, bytes)
    const key = keyOf(cid)
    // Links are read by the codec that whoever linked here named, not by the one the provider writes.
    const named = wanted.get(key) ?? cid
    came.add(key)
    for (const link of linksOf(named, bytes) ?? []) if (link.multihash.code !== 0) wanted.set(keyOf(link), link)
  }
  const missing = [...wanted].find(([key]) => !came.has(key))
  if (missing) throw new RetrievalFailure('incomplete', `Block ${missing[1]} did not come.`)
}

async function verifiedBlocks(body: AsyncIterable<Uint8Array>): Promise<Map<string, Uint8Array>> {
  await using car = await decodeCar(body)
  const blocks = new Map<string, Uint8Array>()
  for await (const { cid, bytes } of car.blocks) {
    await verifyBlock(cid, bytes)
    blocks.set(keyOf(cid), Uint8Array.from(bytes))
  }
  return blocks
}

function blockOf(blocks: ReadonlyMap<string, Uint8Array>, cid: CID): Uint8Array {
  const bytes = blocks.get(keyOf(cid))
  if (!bytes) throw new RetrievalFailure('incomplete', `Block ${cid} did not come.`)
  return bytes
}

function linkOf(blocks: ReadonlyMap<string, Uint8Array>, cid: CID, index: number): CID {
  const link = linksOf(cid, blockOf(blocks, cid))?.[index]
  if (!link) throw new RetrievalFailure('wrong-bytes', `${cid} has no link ${index}.`)
  return link
}

/** The section of the root, out of the bytes from where it begins on. What stands behind it is not read. */
async function checkSection(body: AsyncGenerator<Uint8Array>, root: CID): Promise<void> {
  let bytes = Buffer.alloc(0)
  let wantedBytes = MAX_PREFIX_BYTES
  let isRead = false
  for await (const chunk of body) {
    bytes = Buffer.concat([bytes, chunk])
    if (bytes.length < wantedBytes) continue
    const prefix = parseSectionPrefix(bytes)
    wantedBytes = prefix ? prefix.prefixBytes + Math.min(prefix.blockBytes, maxBlockBytes) : 0
    isRead = bytes.length >= wantedBytes
    if (isRead) break
  }
  const prefix = parseSectionPrefix(bytes)
  if (!prefix || keyOf(prefix.cid) !== keyOf(root))
    throw new RetrievalFailure('wrong-bytes', `At its place in the piece is something else than ${root}.`)
  const end = prefix.prefixBytes + prefix.blockBytes
  if (bytes.length < end) throw new RetrievalFailure('incomplete', `The piece ended before the block of ${root} did.`)
  await verifyBlock(root, bytes.subarray(prefix.prefixBytes, end))
}

/** Where the section of an item's root begins; a segment begins with the header of its CAR. */
export function sectionOffsetOf({
  root,
  layout,
  byteOffset,
}: {
  root: CID
  layout: string
  byteOffset: number | null
}): number | undefined {
  if (byteOffset === null) return undefined
  return layout === 'segments' ? byteOffset + encodeCarHeader([root]).length : byteOffset
}
