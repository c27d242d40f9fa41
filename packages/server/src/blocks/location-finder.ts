import { compactText } from '@keepsake/content/hash/cid-text.ts'
import { CID } from 'multiformats/cid'
import type { Db } from '../database/database.ts'
import { digestKey } from './shard-writer.ts'
import { locateBlocks } from './store.ts'

/** A place to read a block from. */
export interface Located {
  /** The shard's CAR CID, which is its key in the blob store. */
  shard: string
  offset: number
  length: number
}

/** Places by CID; which codec the CID names does not matter, bytes have none. */
export interface Places {
  get(cid: CID): readonly Located[]
  has(cid: CID): boolean
}

/** Many requests at the same moment ask the database once. */
const maxBatch = 1000
/** Names of shards that are remembered. */
const maxShardNames = 10_000

/** Looks multihashes up in the block index. Single look-ups that come in the same turn of the event loop share one query. */
export function locationFinder(database: Db) {
  const shardNames = new Map<number, string>()
  let waiting: { cid: CID; resolve: (places: readonly Located[]) => void; reject: (error: unknown) => void }[] = []

  const findMany = async (cids: readonly CID[]): Promise<Places> => {
    const found = new Map<string, Located[]>()
    for (let at = 0; at < cids.length; at += maxBatch) {
      const batch = cids.slice(at, at + maxBatch).map((cid) => cid.multihash.bytes)
      for (const row of await locateBlocks(database, batch)) {
        const place = { shard: shardName(row.shardId, row.shardCid), offset: row.offset, length: row.length }
        const name = digestKey(row.multihash)
        const known = found.get(name)
        if (known) known.push(place)
        else found.set(name, [place])
      }
    }
    return {
      get: (cid) => found.get(digestKey(cid.multihash.bytes)) ?? [],
      has: (cid) => found.has(digestKey(cid.multihash.bytes)),
    }
  }

  /** There are mostly far fewer shards than blocks, and one string for each takes the least memory. */
  const shardName = (id: number, cid: Uint8Array): string => {
    let name = shardNames.get(id)
    if (name === undefined) {
      if (shardNames.size >= maxShardNames) shardNames.clear()
      name = compactText(CID.decode(cid))
      shardNames.set(id, name)
    }
    return name
  }

  const answerWaiting = async () => {
    const batch = waiting
    waiting = []
    try {
      const places = await findMany(batch.map(({ cid }) => cid))
      for (const { cid, resolve } of batch) resolve(places.get(cid))
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }

  const find = (cid: CID): Promise<readonly Located[]> =>
    new Promise((resolve, reject) => {
      if (waiting.push({ cid, resolve, reject }) === 1) setImmediate(answerWaiting)
    })

  return { find, findMany }
}
