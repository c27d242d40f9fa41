import { sql } from 'kysely'
import type { Db } from '../database/database.ts'

/** What a peer says of itself: numbers by name, for whoever watches over it. */
export type PeerStats = Record<string, number>

/** A process that is a node of the IPFS network. */
export interface PeerInstance {
  peerId: string
  /** Multiaddrs under which others reach it, without `/p2p/`. */
  addresses: string[]
  /** Where it answers the other processes of this service. */
  controlUrl: string
  startedAt: Date
  seenAt: Date
  stats: PeerStats
}

/** A peer says that it lives this often. */
export const heartbeatMs = 10_000
/** One that was silent for so long is gone, or cannot reach the database. */
const lostAfterMs = 4 * heartbeatMs
/** Rows of peers that are gone are kept for a while, so that it can be told what became of them. */
const forgottenAfterMs = 24 * 3_600_000

/** The peers that live, the one seen last first. */
export async function listPeers({ kysely }: Db): Promise<PeerInstance[]> {
  return await kysely
    .selectFrom('peer_instance')
    .select([
      'peer_id as peerId',
      'addresses',
      'control_url as controlUrl',
      'started_at as startedAt',
      'seen_at as seenAt',
      'stats',
    ])
    .where('seen_at', '>', sql<Date>`now() - make_interval(secs => ${lostAfterMs / 1000})`)
    .orderBy('seen_at', 'desc')
    .execute()
}

/** Whole multiaddrs under which the DAGs here can be fetched from our peers, the most recent peer's first. */
export async function listPeerAddresses(db: Db): Promise<string[]> {
  return (await listPeers(db)).flatMap(({ peerId, addresses }) => addresses.map((address) => `${address}/p2p/${peerId}`))
}

/** When a peer was seen last, of those not forgotten yet; undefined where there was none. */
export async function findLastSeen({ kysely }: Db): Promise<Date | undefined> {
  const row = await kysely.selectFrom('peer_instance').select('seen_at').orderBy('seen_at', 'desc').executeTakeFirst()
  return row?.seen_at
}

/** Enters that the peer lives, with the database's clock, which all processes share. */
export async function enterPeer({ kysely }: Db, peer: Omit<PeerInstance, 'seenAt'>): Promise<void> {
  const row = {
    addresses: peer.addresses,
    control_url: peer.controlUrl,
    started_at: peer.startedAt,
    seen_at: sql<Date>`now()`,
    stats: JSON.stringify(peer.stats),
  }
  await kysely
    .insertInto('peer_instance')
    .values({ peer_id: peer.peerId, ...row })
    .onConflict((conflict) => conflict.column('peer_id').doUpdateSet(row))
    .execute()
  await kysely
    .deleteFrom('peer_instance')
    .where('seen_at', '<', sql<Date>`now() - make_interval(secs => ${forgottenAfterMs / 1000})`)
    .execute()
}

/** Takes the peer off the list: it stops, and says so. */
export async function removePeer({ kysely }: Db, peerId: string): Promise<void> {
  await kysely.deleteFrom('peer_instance').where('peer_id', '=', peerId).execute()
}
