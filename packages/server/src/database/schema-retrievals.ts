import type { ColumnType, Generated } from 'kysely'

// Rows about fetching stored items back from storage providers.

export type RetrievalWay = 'raw' | 'car' | 'path' | 'piece'
export type RetrievalOutcome =
  | 'ok'
  | 'wrong-bytes'
  | 'incomplete'
  | 'not-found'
  | 'refused'
  | 'timeout'
  | 'slow'
  | 'unreachable'
  | 'not-allowed'

export interface RetrievalTable {
  id: Generated<number>
  provider_id: number
  deal_id: number
  content_id: number | null
  cid: Uint8Array
  way: RetrievalWay
  outcome: RetrievalOutcome
  reason: string | null
  first_byte_ms: number | null
  duration_ms: number
  bytes: number
  at: ColumnType<Date, Date | undefined, never>
}
