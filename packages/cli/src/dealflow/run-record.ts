import type { StageName } from './stages.ts'

/** One command of the person who is played. */
export interface CommandRecord {
  /** As it would be typed; without keys, which are never in it. */
  line: string
  exitCode: number
  durationMs: number
}

export interface StageRecord {
  stage: StageName
  outcome: 'done' | 'failed'
  /** From the beginning of the run to its end. */
  atMs: number
  /** From the end of the stage before. */
  tookMs: number
  /** Why it failed. */
  reason?: string
}

/** One run from beginning to end; what `dealflow.json` has a list of. */
export interface RunRecord {
  startedAt: string
  endpoint: string
  /** Whether the storage providers are simulated ones. */
  isDevnet: boolean
  network: string | null
  replicas: number
  bytes: number
  cid: string | null
  /** The storage provider it was fetched back from, as in `f01234`; null where the run did not come so far. Absent in runs of before there was that. */
  retrievedFrom?: string | null
  outcome: 'done' | 'failed'
  stages: StageRecord[]
  commands: CommandRecord[]
  /** From the beginning to the first deal in a sector; null where it did not come so far. */
  timeToDealMs: number | null
}

export const documentVersion = 1

/** What is kept from run to run. */
export interface History {
  version: typeof documentVersion
  runs: RunRecord[]
}
