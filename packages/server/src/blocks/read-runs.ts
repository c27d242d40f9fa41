import type { AbortOptions } from '@keepsake/content/block.ts'
import { verifyBlock } from '@keepsake/content/hash/verify.ts'
import type { CID } from 'multiformats/cid'
import type { BlobStore } from '../blobs/blobs.ts'
import type { Located, Places } from './location-finder.ts'

/** Blocks that lie one behind the other in a shard, read at once. */
interface Run {
  shard: string
  offset: number
  length: number
  blocks: { cid: CID; place: Located | undefined }[]
}

const maxRunBytes = 4 * 1024 * 1024
/** Between the leaves of a file lie only their section prefixes, and now and then an inner node. */
const maxGapBytes = 64 * 1024
/** Runs being read and hashed while an earlier one is sent: enough to keep disk and both cores busy. */
const runsAhead = 3

/**
 * Reads blocks in the order asked for, neighbours together, some ahead. `bytes` settles when the block is verified; it is
 * undefined for a block the index does not know a place of.
 */
export async function* readRuns(
  blobs: BlobStore,
  cids: readonly CID[],
  places: Pick<Places, 'get'>,
  options?: AbortOptions,
): AsyncGenerator<{ cid: CID; bytes: Promise<Uint8Array> | undefined }, void> {
  const runs = planRuns(cids, places)
  const ahead: Promise<Uint8Array>[][] = []
  for (let at = 0; at < runs.length; at++) {
    while (ahead.length < runsAhead && at + ahead.length < runs.length)
      ahead.push(startRun(blobs, runs[at + ahead.length] as Run, options))
    const blocks = ahead.shift() as Promise<Uint8Array>[]
    const run = runs[at] as Run
    for (const [index, { cid, place }] of run.blocks.entries()) yield { cid, bytes: place ? blocks[index] : undefined }
  }
}

function planRuns(cids: readonly CID[], places: Pick<Places, 'get'>): Run[] {
  const runs: Run[] = []
  for (const cid of cids) {
    const place = places.get(cid)[0]
    const last = runs.at(-1)
    if (place === undefined) {
      runs.push({ shard: '', offset: 0, length: 0, blocks: [{ cid, place }] })
    } else if (last && fits(last, place)) {
      last.length = Math.max(last.length, place.offset + place.length - last.offset)
      last.blocks.push({ cid, place })
    } else {
      runs.push({ shard: place.shard, offset: place.offset, length: place.length, blocks: [{ cid, place }] })
    }
  }
  return runs
}

function fits(run: Run, place: Located): boolean {
  const gap = place.offset - (run.offset + run.length)
  const isInside = place.offset >= run.offset && gap <= 0
  return (
    run.shard === place.shard &&
    (isInside || (gap >= 0 && gap <= maxGapBytes)) &&
    place.offset + place.length - run.offset <= maxRunBytes
  )
}

/** One promise a block, so that the first can be sent while the last is still being hashed. */
function startRun(blobs: BlobStore, run: Run, options?: AbortOptions): Promise<Uint8Array>[] {
  if (run.shard === '') return []
  const reading = blobs.read(run.shard, run.offset, run.length, options)
  return run.blocks.map(({ cid, place }) => {
    const verified = reading.then(async (bytes) => {
      const from = (place as Located).offset - run.offset
      const block = bytes.subarray(from, from + (place as Located).length)
      await verifyBlock(cid, block)
      return block
    })
    // A reader that leaves early never looks at the blocks read ahead.
    verified.catch(() => {})
    return verified
  })
}
