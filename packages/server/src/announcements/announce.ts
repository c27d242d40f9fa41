import { setTimeout as sleep } from 'node:timers/promises'
import type { BlockSource } from '@keepsake/content/block.ts'
import { isIdentity } from '@keepsake/content/dag/identity.ts'
import { CID } from 'multiformats/cid'
import type { Db } from '../database/database.ts'
import { KeepsakeError } from '../errors.ts'
import { tellContentsChanged } from '../jobs/content-changes.ts'
import type { Announcer } from '../network/network.ts'
import { announceIntervalMs } from './announcements.ts'
import { entriesOf } from './entries.ts'
import type { DueRow, Outcome } from './store.ts'
import { findNextDue, forgetEntries, giveBack, insertEntries, saveOutcomes, takeDue } from './store.ts'

interface Components {
  database: Db
  blocks: BlockSource
  announcer: Announcer
  /** Begin at most so many a minute: each costs the peer a search through the DHT. */
  perMinute: number
  /** Also announce the ways into a content. */
  withEntries: boolean
}

/** Taken at once. Small, so that what is new does not wait behind a long list. */
const batchSize = 40
/** Told at the same time: most of it is waiting for peers far away. */
const width = 8
/** Longer than a batch can take; after that, what a dead process took is due again. */
const leaseMs = 30 * 60_000
/** One run of the job ends after this, so that a stopping process does not wait for a long queue. */
const maxRunMs = 5 * 60_000
/** Before the next look where there was nobody to tell. */
const nobodyMs = 30_000
/** After the first failure; twice as long after each further one. */
const retryMs = 60_000
const maxRetryMs = 6 * 3_600_000
/** Between two runs however much is due. */
const pauseMs = 1_000

/** Tells the network of everything whose turn it is. Gives when to look again; undefined where nothing is waiting. */
export async function announceDue(components: Components, signal?: AbortSignal): Promise<Date | undefined> {
  const { database, perMinute } = components
  const endAt = performance.now() + maxRunMs
  const pace = pacer(60_000 / perMinute)
  while (performance.now() < endAt) {
    signal?.throwIfAborted()
    const batch = await takeDue(database, { limit: Math.min(batchSize, perMinute), leaseMs })
    if (batch.length === 0) break
    const isReached = await announceBatch(components, batch, pace, signal)
    if (!isReached) return new Date(Date.now() + nobodyMs)
  }
  const next = await findNextDue(database)
  return next && new Date(Math.max(next.getTime(), Date.now() + pauseMs))
}

type Pace = (signal?: AbortSignal) => Promise<void>

/** Lets one pass every `everyMs`. */
function pacer(everyMs: number): Pace {
  let nextAt = 0
  return async (signal) => {
    const now = performance.now()
    const at = Math.max(now, nextAt)
    nextAt = at + everyMs
    if (at > now) await sleep(at - now, undefined, { signal })
  }
}

/** False where there was nobody to tell: then the rest of the batch waits for its turn again. */
async function announceBatch(
  components: Components,
  batch: readonly DueRow[],
  pace: Pace,
  signal?: AbortSignal,
): Promise<boolean> {
  const { database } = components
  const left = batch.filter((row) => isWanted(components, row))
  await stop(
    components,
    batch.filter((row) => !left.includes(row)),
  )
  let isReached = true
  const lane = async () => {
    while (isReached) {
      const row = left.shift()
      if (!row) return
      try {
        await pace(signal)
        const { outcome, wasReached } = await tell(components, row, signal)
        isReached &&= wasReached
        await saveOutcomes(database, [outcome])
        await tellContentsChanged(database, [row.contentId])
      } catch (error) {
        left.push(row)
        throw error
      }
    }
  }
  const ended = await Promise.allSettled(Array.from({ length: width }, lane))
  await giveBack(database, left)
  for (const result of ended) if (result.status === 'rejected') throw result.reason
  return isReached
}

/** Tells the network of one CID. Throws only where `signal` ends it. */
async function tell(
  components: Components,
  row: DueRow,
  signal?: AbortSignal,
): Promise<{ outcome: Outcome; wasReached: boolean }> {
  try {
    const { peers } = await components.announcer.provide(CID.decode(row.cid), { signal })
    const error = await enterEntries(components, row, signal)
    return {
      outcome: { ...row, peers, dueAt: new Date(Date.now() + announceIntervalMs), ...(error && { error }) },
      wasReached: true,
    }
  } catch (error) {
    signal?.throwIfAborted()
    const waitMs = Math.min(retryMs * 2 ** Math.min(row.attempts, 20), maxRetryMs)
    const wasReached = !(error instanceof KeepsakeError && error.code === 'ERROR_UNAVAILABLE')
    return { outcome: { ...row, dueAt: new Date(Date.now() + waitMs), error: messageOf(error) }, wasReached }
  }
}

/** Gives what stood in the way: a damaged directory is announced all the same, without its entries. */
async function enterEntries(
  { database, blocks, withEntries }: Components,
  { contentId, cid, needsEntries }: DueRow,
  signal?: AbortSignal,
): Promise<string | undefined> {
  if (!withEntries || !needsEntries) return undefined
  try {
    await insertEntries(database, contentId, await entriesOf(blocks, CID.decode(cid), { signal }))
    return undefined
  } catch (error) {
    signal?.throwIfAborted()
    return messageOf(error)
  }
}

function isWanted({ withEntries }: Components, row: DueRow): boolean {
  return row.isHeld && (withEntries || !row.isEntry) && !isIdentity(CID.decode(row.cid))
}

/** Does not tell of them any more, until somebody holds them again. What peers know of them they forget by themselves. */
async function stop({ database, announcer }: Components, rows: readonly DueRow[]): Promise<void> {
  if (rows.length === 0) return
  for (const { cid } of rows) await announcer.unprovide?.(CID.decode(cid))
  await saveOutcomes(
    database,
    rows.map((row) => ({ ...row, dueAt: null })),
  )
  await forgetEntries(
    database,
    rows.map(({ contentId }) => contentId),
  )
}

const maxReasonLength = 500

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, maxReasonLength)
}
