import { sql } from 'kysely'
import type { Db } from '../database/database.ts'
import { KeepsakeError } from '../errors.ts'
import { listPeers } from '../network/peer-instances.ts'
import { networkJobs } from '../pipeline.ts'

/** A job that was tried as often as it may be. */
export interface FailedJob {
  id: string
  name: string
  payload: unknown
  attempts: number
  reason: string
  createdAt: Date
  failedAt: Date
}

export interface JobCounts {
  /** Due, and nobody has begun them. */
  waiting: number
  /** Due, and only for the peer's process, while none runs; not among the waiting. The next one to start does them. */
  waitingForPeer: number
  running: number
  /** Failed, and to be tried again. */
  retrying: number
  /** Given up. */
  failed: number
  oldestWaitingSeconds: number | null
}

interface Components {
  database: Db
}

const isGivenUp = sql`attempts >= max_attempts and locked_at is null`

/** Jobs that gave up, the newest first. The tables are graphile-worker's; its view does not show payloads. */
export async function listFailedJobs({ database }: Components, { after, limit }: { after?: string | undefined; limit: number }) {
  const { rows } = await sql<FailedJob>`
    select job.id::text, task.identifier as name, payload, attempts, coalesce(last_error, '') as reason,
      job.created_at as "createdAt", job.updated_at as "failedAt"
    from graphile_worker._private_jobs job join graphile_worker._private_tasks task on task.id = job.task_id
    where ${isGivenUp} ${after === undefined ? sql`` : sql`and job.id < ${after}::bigint`}
    order by job.id desc limit ${limit + 1}`.execute(database.kysely)
  const { failed } = await countJobs({ database })
  const jobs = rows.slice(0, limit)
  return { jobs, count: failed, next: rows.length > limit ? jobs.at(-1)!.id : null }
}

/** Has jobs that gave up tried again from the beginning: one, or all of them. Gives how many. @throws KeepsakeError `NOT_FOUND` */
export async function retryFailedJobs({ database }: Components, id?: string): Promise<number> {
  const { rows } = await sql`
    select graphile_worker.reschedule_jobs(array(
      select id from graphile_worker._private_jobs where ${isGivenUp} ${id === undefined ? sql`` : sql`and id = ${id}::bigint`}
    ), run_at => now(), attempts => 0)`.execute(database.kysely)
  if (id !== undefined && rows.length === 0) throw new KeepsakeError('NOT_FOUND', 'No job with this number has given up.')
  return rows.length
}

export async function countJobs({ database }: Components): Promise<JobCounts> {
  const isPeerMissing = (await listPeers(database)).length === 0
  const isDue = sql`(locked_at is null and run_at <= now() and attempts < max_attempts)`
  const { rows } = await sql<JobCounts>`
    select count(*) filter (where ${isDue} and not needs_peer) as waiting,
      count(*) filter (where ${isDue} and needs_peer) as "waitingForPeer",
      count(*) filter (where locked_at is not null) as running,
      count(*) filter (where locked_at is null and attempts between 1 and max_attempts - 1) as retrying,
      count(*) filter (where ${isGivenUp}) as failed,
      extract(epoch from now() - min(run_at) filter (where ${isDue} and not needs_peer))::float8 as "oldestWaitingSeconds"
    from (
      select job.*, ${isPeerMissing} and task.identifier = any(${[...networkJobs]}::text[]) as needs_peer
      from graphile_worker._private_jobs job join graphile_worker._private_tasks task on task.id = job.task_id
    ) as jobs`.execute(database.kysely)
  return rows[0]!
}
