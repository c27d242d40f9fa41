import type { Config } from '../config.ts'
import type { Db } from '../database/database.ts'
import { findLastSeen, listPeers } from '../network/peer-instances.ts'

export interface PeerHealthComponents {
  config: Config
  database: Db
  /** Why the peer that this process started does not run. */
  peerTrouble?: (() => string | undefined) | undefined
}

/** Whether there should be a peer: this process starts one, or another did not long ago. */
export async function expectsPeer({ config, database }: PeerHealthComponents): Promise<boolean> {
  return (config.ROLE === 'all' && config.PEER === 'on') || (await findLastSeen(database)) !== undefined
}

/** @throws Error that says what is wrong with the node of the IPFS network */
export async function checkPeer({ database, peerTrouble }: PeerHealthComponents): Promise<void> {
  const trouble = peerTrouble?.()
  if (trouble !== undefined) throw new Error(trouble)
  if ((await listPeers(database)).length > 0) return
  const lastSeen = await findLastSeen(database)
  throw new Error(
    lastSeen ? `No peer has said that it lives since ${lastSeen.toISOString()}.` : 'No peer has said that it lives yet.',
  )
}
