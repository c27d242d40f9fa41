import type { EntryDifferences } from './rebuild-store.ts'

export interface RebuildOptions {
  /** Change nothing, only tell what a rebuild would change. */
  checkOnly?: boolean | undefined
  signal?: AbortSignal | undefined
  onProgress?: ((progress: RebuildProgress) => void) | undefined
  /** Told of each trouble when it is met. */
  onTrouble?: ((sentence: string) => void) | undefined
}

export type RebuildProgress =
  | { phase: 'shards'; doneBytes: number; totalBytes: number }
  | { phase: 'contents'; done: number; total: number }

/** What was found; with `checkOnly` nothing of it was changed. */
export interface RebuildReport extends EntryDifferences {
  shards: number
  shardBytes: number
  blocks: number
  /** Shards the index did not know. */
  unknownShards: number
  /** Names of shards that are not what they should be. What is good in them is indexed. */
  damagedShards: string[]
  /** Names of shards the index knows and nobody has. Their rows are left: the disk may come back. */
  absentShards: string[]
  contents: number
  /** Contents whose status was not what their blocks say. */
  changedContents: number
  /** Contents that could not be looked at, because a block of them is damaged. Their status is left. */
  unreadableContents: number
}

export function emptyReport(): RebuildReport {
  return {
    shards: 0,
    shardBytes: 0,
    blocks: 0,
    unknownShards: 0,
    missing: 0,
    misplaced: 0,
    stray: 0,
    damagedShards: [],
    absentShards: [],
    contents: 0,
    changedContents: 0,
    unreadableContents: 0,
  }
}
