import type { AbortOptions, Block, BlockSource } from '@keepsake/content/block.ts'
import { identityBytes, isIdentity } from '@keepsake/content/dag/identity.ts'
import { ContentError } from '@keepsake/content/errors.ts'
import { verifyBlock } from '@keepsake/content/hash/verify.ts'
import type { CID } from 'multiformats/cid'
import type { BlobStore } from '../blobs/blobs.ts'
import type { Db } from '../database/database.ts'
import { KeepsakeError } from '../errors.ts'
import { blockCache } from './block-cache.ts'
import type { Located, Places } from './location-finder.ts'
import { locationFinder } from './location-finder.ts'
import { readRuns } from './read-runs.ts'

interface Components {
  database: Db
  blobs: BlobStore
}

/** Largest block that is kept in memory once verified: inner nodes and small files, not the leaves of big ones. */
const maxCachedBlockBytes = 64 * 1024

/** Every block this server holds, read from the shards through the index and checked against its CID each time. */
export interface Blocks extends BlockSource {
  /** Whether the index knows the block; its bytes are not read. */
  has(cids: readonly CID[]): Promise<boolean[]>
  /** Where each block lies, for those the index knows; none of them is read. One query however many there are. */
  locate(cids: readonly CID[]): Promise<Places>
  /** Gives blocks that were located, as `getMany` does, without asking the index again. */
  getLocated(cids: readonly CID[], places: Pick<Places, 'get'>, options?: AbortOptions): AsyncIterable<Block>
}

export function openBlocks({ database, blobs }: Components): Blocks {
  const cache = blockCache()
  const finder = locationFinder(database)

  /** Reads from one place after the other until the bytes are right: a damaged copy does not matter while there is a good one. */
  const readVerified = async (cid: CID, places: readonly Located[], options?: AbortOptions): Promise<Uint8Array> => {
    let lastError: unknown
    for (const place of places) {
      try {
        const bytes = await blobs.read(place.shard, place.offset, place.length, options)
        await verifyBlock(cid, bytes)
        return bytes
      } catch (error) {
        options?.signal?.throwIfAborted()
        lastError = error
      }
    }
    if (places.length === 0) throw new ContentError('BLOCK_NOT_FOUND', `Block ${cid} is not here.`)
    throw new KeepsakeError('ERROR_CONTENT_DAMAGED', `Block ${cid} cannot be read: its bytes on disk are damaged or gone.`, {
      cause: lastError,
    })
  }

  const get = async (cid: CID, options?: AbortOptions): Promise<Uint8Array> => {
    if (isIdentity(cid)) return identityBytes(cid)
    const known = cache.find(cid)
    if (known) return known
    const bytes = await readVerified(cid, await finder.find(cid), options)
    if (bytes.byteLength <= maxCachedBlockBytes) cache.keep(cid, bytes)
    return bytes
  }

  async function* getMany(cids: readonly CID[], options?: AbortOptions): AsyncGenerator<Block, void> {
    if (cids.length === 1) {
      const cid = cids[0] as CID
      yield { cid, bytes: await get(cid, options) }
      return
    }
    yield* getLocated(cids, await finder.findMany(cids.filter((cid) => !isIdentity(cid))), options)
  }

  async function* getLocated(cids: readonly CID[], places: Pick<Places, 'get'>, options?: AbortOptions) {
    for await (const { cid, bytes } of readRuns(blobs, cids, places, options)) {
      if (bytes === undefined) {
        yield { cid, bytes: await get(cid, options) }
        continue
      }
      let verified: Uint8Array
      try {
        verified = await bytes
      } catch {
        options?.signal?.throwIfAborted()
        // A damaged or vanished copy: look at all places again, one by one.
        verified = await readVerified(cid, await finder.find(cid), options)
      }
      yield { cid, bytes: verified }
    }
  }

  const has = async (cids: readonly CID[]) => {
    if (cids.length === 1) return [isIdentity(cids[0] as CID) || (await finder.find(cids[0] as CID)).length > 0]
    const places = await finder.findMany(cids.filter((cid) => !isIdentity(cid)))
    return cids.map((cid) => isIdentity(cid) || places.has(cid))
  }
  return { get, getMany, getLocated, has, locate: finder.findMany }
}
