import type { Nft } from '@keepsake/api/nft.ts'
import type { Caller } from '../accounts/authenticate.ts'
import { requireWithinLimits } from '../accounts/storage-limit.ts'
import type { StagedBlob } from '../blobs/blobs.ts'
import type { Blocks } from '../blocks/blocks.ts'
import { completeDag } from '../blocks/complete-dag.ts'
import { keepContents } from '../blocks/content.ts'
import type { Db } from '../database/database.ts'
import { tellContentsChanged } from '../jobs/content-changes.ts'
import type { Facts } from '../jobs/facts.ts'
import type { FindDeals } from './deals.ts'
import type { Received } from './received.ts'
import { upsertUploads } from './store.ts'
import { getUpload, toNft } from './uploads.ts'

interface Components {
  database: Db
  facts: Facts
  blocks: Blocks
  findDeals: FindDeals
}

/** A claim that was entered: what its owner is told, and which content it is on. */
interface Recorded {
  nft: Nft
  contentId: number
  /** Whether the content was here before, so that it may have deals. */
  isOld: boolean
  isComplete: boolean
}

/** Nothing has deals sooner. */
const newForMs = 1_000

/** A received upload with whose it is and what they call it. */
export interface Claim {
  caller: Caller
  received: Received
  /** Where its shard lies, without a name yet. */
  staged: StagedBlob
  mimeType: string
  name: string | undefined
  meta?: Record<string, unknown>
}

/**
 * Makes received uploads true: names their shards, indexes their blocks, enters the claims, and records the facts, all in one transaction.
 * Whatever is acknowledged after this survives a power cut; whatever fails before leaves nothing that anybody can see.
 *
 * No two claims may have the same shard, content, or user and CID: `takeBatch` sees to that.
 */
async function recordUploads({ database, facts }: Components, claims: readonly Claim[]): Promise<Recorded[]> {
  const newSince = Date.now() - newForMs
  return await database.kysely.transaction().execute(async (kysely) => {
    const db = { kysely }
    const contents = await keepContents(
      db,
      claims.map(({ received, staged }) => ({ ...received.content, staged })),
    )
    const createdAt = new Date()
    const rows = await upsertUploads(
      db,
      claims.map(({ caller, received, mimeType, name, meta = {} }, index) => ({
        userId: caller.userId,
        keyId: caller.keyId,
        contentId: contents[index]!.id,
        // As the CAR had it: a CIDv0 stays one.
        sourceCid: received.content.cid.toString(),
        type: received.type,
        mimeType,
        name,
        scope: caller.label,
        files: received.files,
        meta,
        part: received.part,
        partBytes: received.content.shard.sizeBytes,
        createdAt,
      })),
    )
    await requireWithinLimits(
      db,
      claims.map(({ caller }) => caller),
    )
    await tellContentsChanged(
      db,
      contents.map(({ id }) => id),
    )
    for (const { id } of contents.filter(({ completeAt }) => completeAt === null)) {
      await facts.record(db, 'shard:indexed', { contentId: id })
    }
    const complete = contents.find(({ completeAt }) => completeAt !== null)
    // One for all: what it starts looks for everything that is due.
    if (complete) await facts.record(db, 'root:complete', { contentId: complete.id })
    return rows.map((row) => ({
      nft: toNft(row),
      contentId: row.contentId,
      isOld: row.contentCreatedAt.getTime() < newSince,
      isComplete: row.completeAt !== null,
    }))
  })
}

/** How often a transaction is tried that PostgreSQL ended because it and another waited for each other. */
const maxDeadlocks = 5
const deadlockDetected = '40P01'

/** The same, done again where PostgreSQL chose it to end a deadlock: nothing of it was kept then, and whoever uploads has done nothing wrong. */
async function recordInSpiteOfDeadlocks(components: Components, claims: readonly Claim[]): Promise<Recorded[]> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await recordUploads(components, claims)
    } catch (error) {
      if ((error as { code?: unknown }).code !== deadlockDetected || attempt === maxDeadlocks) throw error
    }
  }
}

/** What a transaction may hold only once of: the names of a claim's shard and content. A user's CID is a name of the content. */
function namesOf({ received: { content } }: Claim): string[] {
  return [content.shard.cid.toString(), content.cid.toV1().toString()]
}

/** Claims committed together: they share the round trips and the fsync of one commit. */
const maxBatch = 32
/** Commits under way at once, so that one collects while another waits for the disk. A third makes batches smaller: it cost 15 % more of PostgreSQL's time. */
const maxBatchesAtOnce = 2
/** Larger shards are not made to wait for others, nor others for them. */
const maxSharedBlocks = 64
const maxSharedBytes = 1024 * 1024

/** A shard of up to so many blocks is looked at further before the answer; for a larger one the answer does not wait. */
const maxWalkedBlocks = 2000

interface Waiting {
  claim: Claim
  names: string[]
  resolve: (recorded: Recorded) => void
  reject: (error: unknown) => void
}

export type RecordUpload = (claim: Claim) => Promise<Nft>

/**
 * Records uploads that come at the same time together. One that cannot be recorded does not take the others with it: a batch that
 * fails is done again one by one.
 */
export function uploadRecorder(components: Components): RecordUpload {
  const waiting: Waiting[] = []
  let batches = 0

  const settle = async (batch: readonly Waiting[]): Promise<void> => {
    try {
      const recorded = await recordInSpiteOfDeadlocks(
        components,
        batch.map(({ claim }) => claim),
      )
      for (const [index, { resolve }] of batch.entries()) resolve(recorded[index]!)
    } catch (error) {
      if (batch.length === 1) batch[0]!.reject(error)
      else for (const one of batch) await settle([one])
    }
  }
  const pump = () => {
    while (batches < maxBatchesAtOnce && waiting.length > 0) {
      batches++
      void settle(takeBatch(waiting)).finally(() => {
        batches--
        pump()
      })
    }
  }
  const enter = async (claim: Claim): Promise<Recorded> => {
    const { shard } = claim.received.content
    if (shard.sizeBytes > maxSharedBytes || shard.entries.length > maxSharedBlocks)
      return (await recordInSpiteOfDeadlocks(components, [claim]))[0]!
    return await new Promise((resolve, reject) => {
      waiting.push({ claim, names: namesOf(claim), resolve, reject })
      pump()
    })
  }
  return async (claim) => {
    const { nft, contentId, isOld, isComplete } = await enter(claim)
    if (isOld) nft.deals = (await components.findDeals([contentId])).get(contentId) ?? []
    const isSettled = isComplete || claim.received.content.shard.entries.length > maxWalkedBlocks
    return isSettled ? nft : await lookFurther(components, claim, nft, contentId)
  }
}

/**
 * Where a small shard does not tell whether its DAG is complete, the index does, and the owner is told at once. The upload is acknowledged
 * whatever comes of this: the job looks again.
 */
async function lookFurther(components: Components, { caller }: Claim, nft: Nft, contentId: number): Promise<Nft> {
  try {
    await completeDag(components, { contentId })
    return await getUpload(components, caller.userId, nft.cid)
  } catch {
    return nft
  }
}

/** Takes the longest waiting that can share a transaction; what clashes with one of them stays for the next. */
function takeBatch(waiting: Waiting[]): Waiting[] {
  const batch: Waiting[] = []
  const names = new Set<string>()
  for (let at = 0; at < waiting.length && batch.length < maxBatch; ) {
    const candidate = waiting[at]!
    if (candidate.names.some((name) => names.has(name))) {
      at++
      continue
    }
    for (const name of candidate.names) names.add(name)
    batch.push(candidate)
    waiting.splice(at, 1)
  }
  return batch
}
