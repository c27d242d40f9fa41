import { CID } from 'multiformats/cid'
import type { Db } from '../database/database.ts'
import type { PinStatus } from '../database/schema.ts'
import { KeepsakeError } from '../errors.ts'
import type { Facts } from '../jobs/facts.ts'
import { parseCid } from '../uploads/cid-spelling.ts'
import type { BackendName } from './backend.ts'
import type { PinReading } from './read-pins.ts'
import { readPins } from './read-pins.ts'
import { listBackends } from './store/backends.ts'
import { countPins, countWaiting, findContentId, listPinRows, rescheduleFailed } from './store/reads.ts'
import { sweepOfStep } from './sweep.ts'

interface Components {
  database: Db
  facts: Facts
}

export interface RetryFilter {
  backend?: string | undefined
  /** All of them where none are named. */
  cids?: readonly string[] | undefined
}

/** Has failed pins, given up or waiting, tried again now and from the beginning. Gives how many. */
export async function retryGivenUp({ database, facts }: Components, { backend, cids }: RetryFilter): Promise<number> {
  const roots = cids?.map((cid) => parseCid(cid).toV1().bytes)
  const count = await rescheduleFailed(database, { backend, roots })
  if (count > 0) await facts.sweepAt(database, sweepOfStep.retry, new Date())
  return count
}

export interface BackendStanding {
  name: BackendName
  counts: Record<PinStatus, number>
  unpinsWaiting: number
  /** Since when it cannot be used, and why; null while it can. */
  awaySince: Date | null
  lastError: string | null
  /** Contents of before it was added are still being given pins. */
  isFilling: boolean
}

/** How each backend is, and how many contents it has. */
export async function listBackendStandings({ database }: Pick<Components, 'database'>): Promise<BackendStanding[]> {
  const [backends, counts, waiting] = await Promise.all([listBackends(database), countPins(database), countWaiting(database)])
  const countOf = (backend: string, status: PinStatus) =>
    counts.find((row) => row.backend === backend && row.status === status)?.count ?? 0
  return backends.map(({ name, awaySince, lastError, filledTo }) => ({
    name,
    counts: {
      queued: countOf(name, 'queued'),
      pinning: countOf(name, 'pinning'),
      pinned: countOf(name, 'pinned'),
      failed: countOf(name, 'failed'),
    },
    unpinsWaiting: waiting.get(name)?.unpins ?? 0,
    awaySince,
    lastError,
    isFilling: filledTo !== null,
  }))
}

export interface ListedPin extends PinReading {
  cid: string
}

export interface PinListFilter {
  backend?: string | undefined
  status?: PinStatus | undefined
}

const pageSize = 1000

/** Pins at other backends, and what is wrong with our own shards, in the order in which the contents came. */
export async function* listPins({ database }: Pick<Components, 'database'>, filter: PinListFilter): AsyncGenerator<ListedPin> {
  for (let after = { contentId: 0, backend: '' }; ; ) {
    const rows = await listPinRows(database, { ...filter, after, limit: pageSize })
    for (const { cid, contentId, ...pin } of rows) {
      after = { contentId, backend: pin.backend }
      yield { cid: CID.decode(cid).toString(), ...pin }
    }
    if (rows.length < pageSize) return
  }
}

/** Where one content stands with every backend. @throws KeepsakeError `NOT_FOUND` */
export async function showPins({ database }: Pick<Components, 'database'>, cid: string): Promise<PinReading[]> {
  const contentId = await findContentId(database, parseCid(cid).toV1().bytes)
  if (contentId === undefined) throw new KeepsakeError('NOT_FOUND', `Nobody stored ${cid} here.`)
  return await readPins(database, contentId)
}
