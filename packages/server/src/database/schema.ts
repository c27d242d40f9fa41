import type { ColumnType, Generated, JSONColumnType } from 'kysely'
import type {
  ChainHeadTable,
  ChainSourceTable,
  DealEventTable,
  DealTable,
  PortalRequestTable,
  ProviderApplicationTable,
  ProviderTable,
  WalletKeyTable,
} from './schema-filecoin.ts'
import type { RetrievalTable } from './schema-retrievals.ts'

// Rows as the migrations define them. Every instant has millisecond precision; CIDs are binary CIDv1 except `source_cid`.

type Created = ColumnType<Date, Date | undefined, never>

export interface UserTable {
  id: Generated<number>
  subject: string
  email: string | null
  name: string | null
  did: string | null
  uploads_restricted: Generated<boolean>
  deletes_restricted: Generated<boolean>
  created_at: Created
  is_admin: Generated<boolean>
  storage_limit_bytes: number | null
  deleted_at: Date | null
}

export type KeyScope = 'all' | 'upload' | 'read' | 'pins'

export interface ApiKeyTable {
  id: Generated<number>
  user_id: number
  name: string
  issued_at_ms: number
  scope: Generated<KeyScope>
  expires_at: Date | null
  foreign_digest: Uint8Array | null
  blocked_reason: string | null
  last_used_at: Date | null
  created_at: Created
  deleted_at: Date | null
}

export interface ShardTable {
  id: Generated<number>
  cid: Uint8Array
  size_bytes: number
  created_at: Created
  stored_at: Generated<Date>
}

export interface BlockTable {
  multihash: Uint8Array
  shard_id: number
  byte_offset: number
  byte_length: number
}

/** Where a complete content stands on its way into an aggregate. */
export type Packing = 'waiting' | 'taken' | 'aside'

export interface ContentTable {
  id: Generated<number>
  cid: Uint8Array
  dag_bytes: number | null
  complete_at: Date | null
  obstacle: string | null
  created_at: Created
  packing: Generated<Packing>
}

export interface ContentShardTable {
  content_id: number
  shard_id: number
}

export interface MissingBlockTable {
  content_id: number
  cid: Uint8Array
}

export type UploadType = 'Car' | 'Blob' | 'Multipart' | 'Remote' | 'Nft'

export interface UploadTable {
  id: Generated<number>
  user_id: number
  key_id: number | null
  content_id: number
  source_cid: string
  type: UploadType
  mime_type: string
  name: string
  scope: string
  files: JSONColumnType<{ name: string; type: string }[], string, string>
  meta: JSONColumnType<Record<string, unknown>, string, string>
  parts: string[]
  received_bytes: Generated<number>
  created_at: Created
  updated_at: Generated<Date>
  deleted_at: Date | null
}

export interface UploadTallyTable {
  user_id: number
  span: 'day' | 'hour'
  since: Date
  slot: number
  uploads: number
}

export interface SessionTable {
  id: Generated<number>
  user_id: number
  token_digest: Uint8Array
  way: string
  user_agent: Generated<string>
  created_at: Created
  last_used_at: Generated<Date>
  expires_at: Date
}

export interface SignInLinkTable {
  id: Uint8Array
  email: string
  user_id: number | null
  browser_digest: Uint8Array
  next: string
  created_at: Created
  expires_at: Date
  used_at: Date | null
}

export interface ChallengeTable {
  digest: Uint8Array
  kind: string
  browser_digest: Uint8Array
  user_id: number | null
  data: JSONColumnType<Record<string, unknown>, string, never>
  expires_at: Date
}

export interface PasskeyTable {
  id: Generated<number>
  user_id: number
  credential_id: Uint8Array
  public_key: Uint8Array
  counter: number
  transports: Generated<string[]>
  name: string
  is_backed_up: Generated<boolean>
  created_at: Created
  last_used_at: Date | null
}

export type IdentityKind = 'wallet' | 'github' | 'magic'

export interface LinkedIdentityTable {
  id: Generated<number>
  user_id: number
  kind: IdentityKind
  subject: string
  label: string
  created_at: Created
  last_used_at: Date | null
}

export interface SpentTokenTable {
  digest: Uint8Array
  expires_at: Date
}

export interface AttemptTable {
  key: Uint8Array
  attempts: number
  ends_at: Date
}

export interface InvitationTable {
  id: Generated<number>
  email: string
  invited_by: number | null
  created_at: Created
}

export interface SetUpTable {
  id: Uint8Array
  created_at: Created
  expires_at: Date
  used_at: Date | null
}

export interface StorageTallyTable {
  user_id: number
  slot: number
  bytes: number
}

export type PinStatus = 'queued' | 'pinning' | 'pinned' | 'failed'

export interface PinRequestTable {
  id: string
  user_id: number
  content_id: number | null
  cid: string
  root: Uint8Array
  name: string | null
  origins: string[]
  meta: JSONColumnType<Record<string, string>, string, string>
  status: Generated<PinStatus>
  reason: string | null
  blocks: Generated<number>
  bytes: Generated<number>
  held_bytes: Generated<number>
  attempts: Generated<number>
  next_attempt_at: Generated<Date>
  give_up_at: Date
  lease: string | null
  leased_until: Date | null
  created_at: Date
  released_at: Date | null
  deleted_at: Date | null
}

export interface PeerInstanceTable {
  peer_id: string
  addresses: string[]
  control_url: string
  started_at: Date
  seen_at: Date
  stats: JSONColumnType<Record<string, number>>
}

export interface AnnouncementTable {
  content_id: number
  cid: Uint8Array
  is_entry: Generated<boolean>
  due_at: Date
  announced_at: Date | null
  peers: Generated<number>
  attempts: Generated<number>
  last_error: string | null
  entries_at: Date | null
}

export type AggregateState = 'collecting' | 'building' | 'validating' | 'built' | 'failed'
export type ClosedBecause = 'full' | 'waited' | 'asked'

export interface AggregateTable {
  id: Generated<number>
  layout: 'unixfs-2021' | 'segments'
  state: Generated<AggregateState>
  items: Generated<number>
  planned_bytes: Generated<number>
  planned_blocks: Generated<number>
  oldest_at: Date | null
  closed_because: ClosedBecause | null
  root: Uint8Array | null
  size_bytes: number | null
  piece_root: Uint8Array | null
  piece_height: number | null
  attempts: Generated<number>
  reason: string | null
  retry_at: Date | null
  done_bytes: Generated<number | null>
  created_at: Created
  changed_at: Generated<Date>
  closed_at: Date | null
  built_at: Date | null
  validated_at: Date | null
}

export interface AggregateEntryTable {
  aggregate_id: number
  layout: 'unixfs-2021' | 'segments'
  cid: Uint8Array
  content_id: number | null
  part: Generated<number>
  parts: Generated<number>
  first_block: Generated<number>
  end_block: number | null
  dag_bytes: number
  dag_blocks: number
  planned_bytes: number
  planned_blocks: number
  complete_at: Date
  path_indexes: number[] | null
  byte_offset: number | null
  byte_length: number | null
}

export interface AggregateShardTable {
  aggregate_id: number
  shard_id: number
}

export interface AggregateRecipeTable {
  aggregate_id: number
  byte_offset: number
  parts: Uint8Array
}

export interface AggregateTreeTable {
  aggregate_id: number
  height: number
  nodes: Uint8Array
  sums: Uint8Array | null
}

export interface AggregateObstacleTable {
  content_id: number
  reason: string
  attempts: Generated<number>
  since: Created
  retry_at: Date
}

export interface PinBackendTable {
  name: string
  position: number
  filled_to: Generated<number | null>
  retired_at: Date | null
  resting_until: Date | null
  failures: Generated<number>
  last_error: string | null
  away_since: Date | null
}

export interface PinTable {
  content_id: number
  backend: string
  status: Generated<PinStatus>
  next_step: Generated<'add' | 'track' | 'retry' | null>
  next_attempt_at: Generated<Date | null>
  claimed_at: Date | null
  attempts: Generated<number>
  last_error: string | null
  was_there: Generated<boolean>
  created_at: Created
  since: Generated<Date>
  handed_over_at: Date | null
  checked_at: Date | null
  pinned_at: Date | null
}

export interface UnpinTable {
  cid: Uint8Array
  backend: string
  attempts: Generated<number>
  last_error: string | null
  next_attempt_at: Generated<Date>
  begun_at: Date | null
  created_at: Created
}

export interface Schema {
  user: UserTable
  api_key: ApiKeyTable
  shard: ShardTable
  block: BlockTable
  content: ContentTable
  content_shard: ContentShardTable
  missing_block: MissingBlockTable
  upload: UploadTable
  upload_tally: UploadTallyTable
  session: SessionTable
  sign_in_link: SignInLinkTable
  challenge: ChallengeTable
  passkey: PasskeyTable
  linked_identity: LinkedIdentityTable
  spent_token: SpentTokenTable
  attempt: AttemptTable
  invitation: InvitationTable
  set_up: SetUpTable
  storage_tally: StorageTallyTable
  pin_request: PinRequestTable
  peer_instance: PeerInstanceTable
  announcement: AnnouncementTable
  aggregate: AggregateTable
  aggregate_entry: AggregateEntryTable
  aggregate_shard: AggregateShardTable
  aggregate_recipe: AggregateRecipeTable
  aggregate_tree: AggregateTreeTable
  aggregate_obstacle: AggregateObstacleTable
  pin_backend: PinBackendTable
  pin: PinTable
  unpin: UnpinTable
  provider: ProviderTable
  deal: DealTable
  deal_event: DealEventTable
  chain_source: ChainSourceTable
  chain_head: ChainHeadTable
  wallet_key: WalletKeyTable
  retrieval: RetrievalTable
  portal_request: PortalRequestTable
  provider_application: ProviderApplicationTable
}
