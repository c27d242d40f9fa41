import type { DealState } from '@keepsake/api/deals.ts'
import type { ColumnType, Generated, JSONColumnType } from 'kysely'

// Rows about the Filecoin network, its storage providers and the deals with them: migration 000009.

type Created = ColumnType<Date, Date | undefined, never>

export interface ProviderTable {
  id: Generated<number>
  network: string
  actor_id: number
  name: Generated<string>
  organisation: string
  city: string
  country: string
  continent: string
  state: Generated<'active' | 'suspended'>
  suspended_because: string | null
  retrieval_url: string | null
  created_at: Created
  changed_at: Generated<Date>
}

export interface DealTable {
  id: Generated<number>
  aggregate_id: number
  provider_id: number
  driver: Generated<string>
  state: Generated<DealState>
  reason: string | null
  due_at: Date | null
  proposal: Uint8Array | null
  proposal_cid: Uint8Array | null
  start_epoch: number | null
  end_epoch: number | null
  chain_deal_id: number | null
  published_epoch: number | null
  activated_epoch: number | null
  slashed_epoch: number | null
  sector: number | null
  proving: 'proving' | 'unproven' | 'faulty' | 'unknown' | null
  deadline: number | null
  partition: number | null
  proving_since_epoch: number | null
  last_proven_epoch: number | null
  checked_epoch: number | null
  replaces_id: number | null
  again_at: Date | null
  created_at: Created
  changed_at: Generated<Date>
}

export interface DealEventTable {
  id: Generated<number>
  deal_id: number
  at: Created
  state: DealState
  reason: string | null
  epoch: number | null
  evidence: JSONColumnType<Record<string, unknown>, string | undefined, never>
}

export interface ChainSourceTable {
  id: Generated<boolean>
  network: string
  is_devnet: boolean
  rpc_urls: string[]
  genesis_at: Date
  epoch_seconds: number
  control_url: string | null
  changed_at: Generated<Date>
}

export interface ChainHeadTable {
  network: string
  epoch: number
  tip_set: Uint8Array[]
  parent_state: Uint8Array
  market_state: Uint8Array | null
  next_deal_id: number | null
  seen_at: Generated<Date>
}

// Requests to the portal: migration 000014.

export interface PortalRequestTable {
  id: string
  at: Created
  network: Generated<string>
  actor_id: number | null
  header_hash: Uint8Array | null
  place: string
  call: string
  piece_cid: string | null
  status: number
  error_code: number | null
  reason: string | null
  deal_id: number | null
  took_ms: number
}

/** Who asks to be registered: migration 000016. */
export interface ProviderApplicationTable {
  id: Generated<number>
  network: string
  actor_id: number
  name: string
  organisation: string
  city: string
  country: string
  continent: string
  retrieval_url: string | null
  request_id: string
  place: string
  asked_at: Created
  state: Generated<'waiting' | 'approved' | 'declined'>
  decided_at: Date | null
  decided_by: string | null
  because: string | null
}

/** Keys with which proposals are signed: migration 000011. */
export interface WalletKeyTable {
  address: Uint8Array
  kind: 'secp256k1' | 'bls'
  sealed: Uint8Array
  is_default: Generated<boolean>
  created_at: Created
}
