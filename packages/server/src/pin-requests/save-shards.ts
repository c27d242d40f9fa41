import type { Block } from '@keepsake/content/block.ts'
import type { CID } from 'multiformats/cid'
import { requireUsersWithinLimits } from '../accounts/storage-limit.ts'
import type { BlobStore, StagedBlob } from '../blobs/blobs.ts'
import { completeContent, keepContents, keepShards } from '../blocks/content.ts'
import type { KeptShards } from '../blocks/present.ts'
import { shardWriter } from '../blocks/shard-writer.ts'
import type { Db } from '../database/database.ts'
import type { Facts } from '../jobs/facts.ts'
import type { FetchProgress } from './fetch-dag.ts'
import { FetchStoppedError } from './fetch-failure.ts'
import type { Claim } from './fetch-store.ts'
import { holdBytes } from './fetch-store.ts'
import { lockAccount, markPinned } from './store.ts'

interface Components {
  database: Db
  blobs: BlobStore
  facts: Facts
}

/** What has been fetched is made durable after so many bytes, blocks, or so long, whichever is first: as much is fetched again after a crash. */
export interface SaveSteps {
  bytes: number
  blocks: number
  intervalMs: number
}

export const saveSteps: SaveSteps = { bytes: 64 * 1024 * 1024, blocks: 20_000, intervalMs: 20_000 }

interface Options {
  claim: Claim
  root: CID
  kept: KeptShards
  progress: FetchProgress
  steps: SaveSteps
}

/** A shard that is being written. */
interface OpenShard {
  staged: StagedBlob
  writer: ReturnType<typeof shardWriter>
  beganAt: number
  blocks: number
  bytes: number
}

/** Writes the blocks of one DAG into shards, one after another, and enters each as an upload is entered: all of it, or nothing. */
export function shardSaver(components: Components, { claim, root, kept, progress, steps }: Options) {
  let open: OpenShard | undefined

  const begin = async (): Promise<OpenShard> => {
    const staged = await components.blobs.stage()
    return { staged, writer: shardWriter(staged, [root]), beganAt: performance.now(), blocks: 0, bytes: 0 }
  }
  /** In one transaction: the shard, what it counts to the account, and, where the DAG ends with it, that it is complete. */
  const save = async (isLast: boolean): Promise<void> => {
    const current = open
    open = undefined
    await using _staged = current?.staged
    const shard = await current?.writer.finish()
    await components.database.kysely.transaction().execute(async (kysely) => {
      const db = { kysely }
      await lockAccount(db, claim.userId)
      const hold = async () => {
        if (!(await holdBytes(db, claim, progress.bytes))) throw new FetchStoppedError()
        await requireUsersWithinLimits(db, [claim.userId], 'that includes what was fetched for this pin')
      }
      const content = { cid: root, dagBytes: progress.dagBytes, complete: false }
      if (shard && current) await keepContents(db, [{ ...content, shard, staged: current.staged }], hold)
      else await hold()
      await keepShards(db, claim.contentId, kept.others)
      if (!isLast) return
      await completeContent(db, claim.contentId, progress.dagBytes ?? progress.bytes)
      if (!(await markPinned(db, claim.id, progress))) throw new FetchStoppedError()
      await components.facts.record(db, 'root:complete', { contentId: claim.contentId })
    })
  }
  return {
    async add(block: Block): Promise<void> {
      open ??= await begin()
      open.blocks++
      open.bytes += block.bytes.length
      await open.writer.add(block)
      const isDue =
        open.bytes >= steps.bytes || open.blocks >= steps.blocks || performance.now() - open.beganAt >= steps.intervalMs
      if (isDue) await save(false)
    },
    /** Makes durable what was fetched so far. */
    async saveRest(): Promise<void> {
      if (open) await save(false)
    },
    /** The whole DAG is here from now on, and pinned. */
    complete: async () => await save(true),
    async discard(): Promise<void> {
      await open?.staged.discard()
      open = undefined
    },
  }
}
