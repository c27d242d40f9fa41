import type { Nft } from '@keepsake/api/nft.ts'
import type { Wait } from '../send/persist.ts'

/** Where an upload stands. */
type Stage =
  /** Others are before it. */
  | 'waiting'
  | 'packing'
  | 'sending'
  | 'paused'
  /** The page was closed since; it needs the same files again. */
  | 'needs-files'
  | 'failed'
  | 'done'

/** An upload as it is shown; another object whenever something about it changes. */
export interface Upload {
  id: string
  name: string
  kind: 'file' | 'directory' | 'car' | 'token'
  isFolder: boolean
  fileCount: number
  totalBytes: number
  stage: Stage
  /** Bytes of the files that were read for packing. */
  readBytes: number
  /** Known as soon as it is packed, before anything is sent. */
  cid?: string | undefined
  carBytes?: number | undefined
  sentBytes: number
  partCount?: number | undefined
  acknowledgedCount: number
  /** The connection is away and will be tried again. */
  wait?: Wait | undefined
  /** Why it does not go on, in a sentence. */
  problem?: string | undefined
  /** What the server holds, when it is done. */
  nft?: Nft | undefined
  tokenData?: Record<string, unknown> | undefined
  /** It can be opened again without choosing it. */
  hasHandle: boolean
}
