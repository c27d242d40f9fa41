import type { ColumnType, Generated, JSONColumnType } from 'kysely'

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

export interface ContentTable {
  id: Generated<number>
  cid: Uint8Array
  dag_bytes: number | null
  complete_at: Date | null
  obstacle: string | null
  created_at: Created
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
  created_at: Created
  updated_at: Generated<Date>
  deleted_at: Date | null
}

export interface UploadTallyTable {
  user_id: number
  hour: Date
  slot: number
  uploads: number
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
}
