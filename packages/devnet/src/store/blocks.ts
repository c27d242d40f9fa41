import type { DatabaseSync } from 'node:sqlite'
import { chainCid, DAG_CBOR } from '@keepsake/filecoin/cid.ts'
import type { CID } from 'multiformats/cid'

/** Blocks kept in memory at most, in each of two generations. */
const CACHED_BLOCKS = 4_096
/** A block that was written so many epochs ago is written again, so that it counts as young. */
const REFRESH_EPOCHS = 500

interface CachedBlock {
  bytes: Uint8Array
  /** When it was last written; undefined where it was only read. */
  writtenAt?: number
}

/** Objects of the chain by CID. */
export interface BlockStore {
  get(cid: CID): Uint8Array | undefined
  /** Writes a block as of `epoch`; a header is never pruned. */
  put(bytes: Uint8Array, epoch: number, options?: { codec?: number; isHeader?: boolean }): CID
  /** Forgets what is not known to be in the file: after a transaction that was given up. */
  forget(): void
  /**
   * Removes blocks that were last written before `epoch`, but for headers and those in `live`.
   *
   * @param live text of the digests, as `digestKey` has it
   * @returns how many are gone
   */
  prune(epoch: number, live: ReadonlySet<string>): number
  /** How many there are. */
  count(): number
}

export function digestKey(cid: CID): string {
  return Buffer.from(cid.multihash.digest).toString('latin1')
}

export function blockStore(database: DatabaseSync): BlockStore {
  const select = database.prepare('SELECT bytes FROM block WHERE digest = ?')
  const upsert = database.prepare(
    `INSERT INTO block (digest, bytes, epoch, is_header) VALUES (?, ?, ?, ?)
     ON CONFLICT (digest) DO UPDATE SET epoch = max(epoch, excluded.epoch)`,
  )
  const selectOld = database.prepare('SELECT digest FROM block WHERE is_header = 0 AND epoch < ?')
  const remove = database.prepare('DELETE FROM block WHERE digest = ?')
  const cache = twoGenerations()
  return {
    get(cid) {
      const key = digestKey(cid)
      const cached = cache.get(key)
      if (cached) return cached.bytes
      const row = select.get(cid.multihash.digest) as { bytes: Uint8Array } | undefined
      if (row) cache.set(key, { bytes: row.bytes })
      return row?.bytes
    },
    put(bytes, epoch, { codec = DAG_CBOR, isHeader = false } = {}) {
      const cid = chainCid(bytes, codec)
      const key = digestKey(cid)
      const writtenAt = cache.get(key)?.writtenAt
      if (writtenAt !== undefined && epoch - writtenAt < REFRESH_EPOCHS) return cid
      upsert.run(cid.multihash.digest, bytes, epoch, isHeader ? 1 : 0)
      cache.set(key, { bytes, writtenAt: epoch })
      return cid
    },
    forget: () => cache.clear(),
    prune(epoch, live) {
      const old = selectOld.all(epoch) as { digest: Uint8Array }[]
      const dead = old.filter(({ digest }) => !live.has(Buffer.from(digest).toString('latin1')))
      for (const { digest } of dead) remove.run(digest)
      cache.clear()
      return dead.length
    },
    count: () => (database.prepare('SELECT count(*) AS count FROM block').get() as { count: number }).count,
  }
}

/** A map that forgets what was not asked for lately: when the young generation is full it becomes the old one. */
function twoGenerations() {
  let young = new Map<string, CachedBlock>()
  let old = new Map<string, CachedBlock>()
  const set = (key: string, value: CachedBlock) => {
    if (young.size >= CACHED_BLOCKS) {
      old = young
      young = new Map()
    }
    young.set(key, value)
  }
  return {
    set,
    get(key: string): CachedBlock | undefined {
      const found = young.get(key)
      if (found) return found
      const aged = old.get(key)
      if (aged) set(key, aged)
      return aged
    },
    clear() {
      young.clear()
      old.clear()
    },
  }
}
