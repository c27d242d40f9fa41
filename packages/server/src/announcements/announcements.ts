import type { CID } from 'multiformats/cid'
import type { Db } from '../database/database.ts'
import { findAnnouncement, readQueue } from './store.ts'

export { retryFailed } from './store.ts'

/** Nodes of the DHT forget a provider after 48 hours (libp2p kad-dht, "Content provider advertisement"); half of that leaves time for a long queue. */
export const announceIntervalMs = 22 * 3_600_000

/** Where announcing a CID stands. */
export interface Announcement {
  /**
   * `queued`: never told yet. `announced`: peers took the record, and have not forgotten it. `overdue`: they may have. `stopped`: nobody holds the
   * content, so it is not told any more.
   */
  state: 'queued' | 'announced' | 'overdue' | 'stopped'
  announcedAt: Date | undefined
  /** Peers that took the record then. */
  peers: number
  /** When it is to be told next; in the past while it waits for its turn. */
  dueAt: Date | undefined
  /** Since peers last took it, and why the last one failed. */
  failures: number
  reason: string | undefined
}

/** Records live this long in the DHT. */
const recordLifeMs = 48 * 3_600_000

type Row = NonNullable<Awaited<ReturnType<typeof findAnnouncement>>>

export function toAnnouncement({ dueAt, announcedAt, peers, attempts, lastError }: Row): Announcement {
  const isAlive = announcedAt !== null && Date.now() - announcedAt.getTime() < recordLifeMs
  return {
    state: dueAt === null ? 'stopped' : announcedAt === null ? 'queued' : isAlive ? 'announced' : 'overdue',
    announcedAt: announcedAt ?? undefined,
    peers,
    dueAt: dueAt ?? undefined,
    failures: attempts,
    reason: lastError ?? undefined,
  }
}

/** Where announcing a CID stands; undefined for one that is not announced by itself, such as a block inside a file. */
export async function announcementOf({ database }: { database: Db }, cid: CID): Promise<Announcement | undefined> {
  const row = await findAnnouncement(database, cid)
  return row && toAnnouncement(row)
}

/** The queue of what the network is to be told. */
export interface AnnouncementQueue {
  /** Waiting for their turn: never told, and to be told again. */
  dueNew: number
  dueAgain: number
  /** How long the first of them has been waiting. */
  oldestMs: number
  /** Told in the last hour. */
  inLastHour: number
  /** Never told, and tried at least once. */
  failing: number
  /** Told at least once, and still to be. */
  announced: number
}

export async function announcementQueue({ database }: { database: Db }): Promise<AnnouncementQueue> {
  const { oldestDueAt, ...counts } = await readQueue(database, announceIntervalMs)
  return { ...counts, oldestMs: oldestDueAt ? Math.max(0, Date.now() - oldestDueAt.getTime()) : 0 }
}
