import type { AbortOptions } from '@keepsake/content/block.ts'
import { isContentError } from '@keepsake/content/errors.ts'
import { verifyBlock } from '@keepsake/content/hash/verify.ts'
import type { CID } from 'multiformats/cid'
import type { BlobStore } from '../blobs/blobs.ts'
import { BlobNotFoundError, BlobRangeError } from '../blobs/blobs.ts'
import type { Located, Places } from '../blocks/location-finder.ts'
import { locationFinder } from '../blocks/location-finder.ts'
import type { Db } from '../database/database.ts'
import { maxPrefixBytes, prefixLength } from './section-start.ts'

/** A block as it stands in a shard, checked against its CID. */
export interface ReadSection {
  cid: CID
  /** The shard's CAR CID, as a blob's key. */
  shard: string
  /** Where the section begins in the shard. */
  offset: number
  /** The whole section: its length, a CID, the block. */
  section: Uint8Array
  /** The block alone, a view of `section`. */
  bytes: Uint8Array
}

/** A copy of a block that is not what its CID says, or is gone. */
export interface Damage {
  cid: CID
  shard: string
  reason: string
}

/** No copy of a block is good. */
export class UnreadableBlockError extends Error {
  override readonly name = 'UnreadableBlockError'
  readonly cid: CID
  readonly damages: readonly Damage[]

  constructor(cid: CID, damages: readonly Damage[]) {
    const copies = damages.map(({ shard, reason }) => `in shard ${shard} ${reason}`).join('; ')
    super(`Block ${cid} cannot be read: ${copies || 'no shard is known to hold it'}.`)
    this.cid = cid
    this.damages = damages
  }
}

export interface SectionReader {
  locate(cids: readonly CID[]): Promise<Places>
  /**
   * Reads blocks in the order asked for, neighbours together and some ahead, each checked against its CID; gives many at a time, for there may be
   * hundreds of thousands. Where a copy is damaged the next is taken, and `onDamage` told. @throws UnreadableBlockError
   */
  read(cids: readonly CID[], places: Places, options?: AbortOptions): AsyncGenerator<ReadSection[], void>
}

interface Options {
  /** Shards to read from where a block lies in several. */
  preferred?: { has(shard: string): boolean } | undefined
  onDamage?: ((damage: Damage) => void) | undefined
}

const maxRunBytes = 4 * 1024 * 1024
const maxGapBytes = 64 * 1024
/** Small blocks lie each in a file of its own: so many are read together, and twice as many are on the way. Of large runs it is fewer. */
const maxRunsInBatch = 128
/** Runs up to this size are read in one go; a larger one by itself. */
const smallRunBytes = 64 * 1024
const maxBatchBytes = 4 * 1024 * 1024
const batchesAhead = 2

interface Run {
  shard: string
  from: number
  end: number
  blocks: { cid: CID; place: Located }[]
}

export function sectionReader(
  { database, blobs }: { database: Db; blobs: BlobStore },
  { preferred, onDamage = () => {} }: Options = {},
): SectionReader {
  const finder = locationFinder(database)

  const sorted = (places: readonly Located[]): readonly Located[] => {
    if (!preferred || places.length < 2) return places
    return [...places].sort((a, b) => Number(preferred.has(b.shard)) - Number(preferred.has(a.shard)))
  }

  const locate = async (cids: readonly CID[]): Promise<Places> => {
    const found = await finder.findMany(cids)
    return { has: found.has, get: (cid) => sorted(found.get(cid)) }
  }

  const readOne = async (cid: CID, { shard, offset, length }: Located, options?: AbortOptions): Promise<ReadSection> => {
    const from = Math.max(0, offset - maxPrefixBytes(cid))
    const bytes = await blobs.read(shard, from, offset + length - from, options)
    return await cutOut(cid, { shard, from, bytes }, { shard, offset, length })
  }

  /** From one place after the other until the bytes are right. */
  const recover = async (cid: CID, places: readonly Located[], options?: AbortOptions): Promise<ReadSection> => {
    const damages: Damage[] = []
    for (const place of places) {
      try {
        const read = await readOne(cid, place, options)
        for (const damage of damages) onDamage(damage)
        return read
      } catch (error) {
        options?.signal?.throwIfAborted()
        // A store that cannot be reached says nothing about the copy.
        if (!isDamage(error)) throw error
        damages.push({ cid, shard: place.shard, reason: reasonOf(error) })
      }
    }
    for (const damage of damages) onDamage(damage)
    throw new UnreadableBlockError(cid, damages)
  }

  const cutAll = async ({ shard, from, blocks }: Run, reading: Promise<Uint8Array>, places: Places, options?: AbortOptions) => {
    const readAlone = (cid: CID, error: unknown) => {
      options?.signal?.throwIfAborted()
      if (!isDamage(error)) throw error
      return recover(cid, places.get(cid), options)
    }
    const cut = (cid: CID, place: Located, bytes: Uint8Array) =>
      cutOut(cid, { shard, from, bytes }, place).catch((error: unknown) => readAlone(cid, error))
    try {
      const bytes = await reading
      return await Promise.all(blocks.map(({ cid, place }) => cut(cid, place, bytes)))
    } catch (error) {
      if (error instanceof UnreadableBlockError) throw error
      return await Promise.all(blocks.map(({ cid }) => readAlone(cid, error)))
    }
  }

  const beginBatch = (runs: Generator<Run, void>, places: Places, options?: AbortOptions): Promise<ReadSection[]> | undefined => {
    const chosen = nextRuns(runs)
    if (chosen.length === 0) return undefined
    const isSmall = ({ from, end }: Run) => end - from <= smallRunBytes
    const small = readTogether(blobs, chosen.filter(isSmall), options)
    const reading = chosen.map((run) => {
      const bytes = isSmall(run) ? small.shift()! : blobs.read(run.shard, run.from, run.end - run.from, options)
      return cutAll(run, bytes, places, options)
    })
    const batch = Promise.all(reading).then((sections) => sections.flat())
    // A reader that leaves early never looks at what was read ahead.
    batch.catch(() => {})
    return batch
  }

  async function* read(cids: readonly CID[], places: Places, options?: AbortOptions): AsyncGenerator<ReadSection[], void> {
    const ahead: Promise<ReadSection[]>[] = []
    const runs = planRuns(cids, places)
    for (;;) {
      while (ahead.length < batchesAhead) {
        const batch = beginBatch(runs, places, options)
        if (!batch) break
        ahead.push(batch)
      }
      const first = ahead.shift()
      if (!first) return
      yield await first
    }
  }

  return { locate, read }
}

/** The bytes of runs that are small, read in one go; where that fails, each by itself, so that it is known which cannot be read. */
function readTogether(blobs: BlobStore, runs: readonly Run[], options?: AbortOptions): Promise<Uint8Array>[] {
  const alone = ({ shard, from, end }: Run) => blobs.read(shard, from, end - from, options)
  if (runs.length < 2) return runs.map(alone)
  const together = blobs.readMany(
    runs.map(({ shard, from, end }) => ({ key: shard, offset: from, length: end - from })),
    options,
  )
  let at = 0
  return runs.map((run) => {
    const begin = at
    at += run.end - run.from
    const end = at
    return together.then(
      (bytes) => bytes.subarray(begin, end),
      () => alone(run),
    )
  })
}

/** Runs that are read at the same time. */
function nextRuns(runs: Generator<Run, void>): Run[] {
  const chosen: Run[] = []
  for (let bytes = 0; chosen.length < maxRunsInBatch && bytes < maxBatchBytes; ) {
    const next = runs.next()
    if (next.done) break
    chosen.push(next.value)
    bytes += next.value.end - next.value.from
  }
  return chosen
}

/** Blocks that lie close together are read at once. */
function* planRuns(cids: readonly CID[], places: Places): Generator<Run, void> {
  let open: Run | undefined
  for (const cid of cids) {
    const place = places.get(cid)[0]
    if (place === undefined) {
      if (open) yield open
      throw new UnreadableBlockError(cid, [])
    }
    const from = Math.max(0, place.offset - maxPrefixBytes(cid))
    const end = place.offset + place.length
    if (
      open &&
      open.shard === place.shard &&
      from >= open.from &&
      from - open.end <= maxGapBytes &&
      end - open.from <= maxRunBytes
    ) {
      open.end = Math.max(open.end, end)
      open.blocks.push({ cid, place })
      continue
    }
    if (open) yield open
    open = { shard: place.shard, from, end, blocks: [{ cid, place }] }
  }
  if (open) yield open
}

async function cutOut(
  cid: CID,
  { shard, from, bytes }: { shard: string; from: number; bytes: Uint8Array },
  { offset, length }: Located,
): Promise<ReadSection> {
  const at = offset - from
  const block = bytes.subarray(at, at + length)
  await verifyBlock(cid, block)
  const prefix = prefixLength(bytes, at, cid, length)
  if (prefix === undefined) throw new DamagedPrefixError()
  return { cid, shard, offset: offset - prefix, section: bytes.subarray(at - prefix, at + length), bytes: block }
}

class DamagedPrefixError extends Error {
  override readonly name = 'DamagedPrefixError'
}

function isDamage(error: unknown): boolean {
  const isGone = error instanceof BlobNotFoundError || error instanceof BlobRangeError
  return isGone || error instanceof DamagedPrefixError || isContentError(error, 'HASH_MISMATCH')
}

function reasonOf(error: unknown): string {
  if (error instanceof BlobNotFoundError) return 'the file is gone'
  if (error instanceof BlobRangeError) return 'the file is too short'
  if (error instanceof DamagedPrefixError) return 'what stands before the block is damaged'
  return 'its bytes are damaged'
}
