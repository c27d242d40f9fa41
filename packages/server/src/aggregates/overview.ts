import type { AggregateLayout } from '@keepsake/content/aggregate/recipe.ts'
import { pieceCidV1, pieceCidV2 } from '@keepsake/content/piece/piece-cid.ts'
import { type RawBuilder, sql } from 'kysely'
import { CID } from 'multiformats/cid'
import type { Db } from '../database/database.ts'
import type { AggregateState, ClosedBecause } from '../database/schema.ts'
import { KeepsakeError } from '../errors.ts'
import { forcedAt } from './packing.ts'
import type { PackingRules } from './rules.ts'

/** An aggregate as an operator sees it. CIDs are in text. */
export interface AggregateSummary {
  id: number
  layout: AggregateLayout
  state: AggregateState
  items: number
  /** Of what was built; while it collects, what it will have at most. */
  sizeBytes: number
  /** Of what is the target now. */
  fill: number | null
  pieceCid: string | null
  pieceCidV2: string | null
  root: string | null
  oldestAt: Date | null
  /** Of what has been put together or read back so far, 0 to 1, while that goes on and takes more than some seconds. */
  progress: number | null
  /** When it is closed in any case, while it collects. */
  closesAt: Date | null
  closedBecause: ClosedBecause | null
  closedAt: Date | null
  builtAt: Date | null
  validatedAt: Date | null
  attempts: number
  reason: string | null
  retryAt: Date | null
  createdAt: Date
}

interface Row {
  id: number
  layout: AggregateLayout
  state: AggregateState
  items: number
  plannedBytes: number
  sizeBytes: number | null
  doneBytes: number | null
  pieceRoot: Uint8Array | null
  pieceHeight: number | null
  root: Uint8Array | null
  oldestAt: Date | null
  closedBecause: ClosedBecause | null
  closedAt: Date | null
  builtAt: Date | null
  validatedAt: Date | null
  attempts: number
  reason: string | null
  retryAt: Date | null
  createdAt: Date
}

interface Components {
  database: Db
  /** Undefined where nothing is packed. */
  rules: PackingRules | undefined
}

async function selectAggregates({ kysely }: Db, rest: RawBuilder<unknown>): Promise<Row[]> {
  const { rows } = await sql<Row>`
    select id, layout, state, items, planned_bytes as "plannedBytes", size_bytes as "sizeBytes", done_bytes as "doneBytes", piece_root as "pieceRoot",
      piece_height as "pieceHeight", root, oldest_at as "oldestAt", closed_because as "closedBecause", closed_at as "closedAt",
      built_at as "builtAt", validated_at as "validatedAt", attempts, reason, retry_at as "retryAt", created_at as "createdAt"
    from aggregate ${rest}`.execute(kysely)
  return rows
}

function summaryOf(row: Row, rules: PackingRules | undefined): AggregateSummary {
  const { plannedBytes, pieceRoot, pieceHeight, root, sizeBytes, doneBytes, ...rest } = row
  const isCollecting = row.state === 'collecting'
  const piece = pieceRoot && { root: pieceRoot, height: pieceHeight ?? 0, payloadBytes: sizeBytes ?? 0 }
  return {
    ...rest,
    retryAt: row.state === 'failed' ? row.retryAt : null,
    sizeBytes: sizeBytes ?? plannedBytes,
    fill: rules ? (sizeBytes ?? plannedBytes) / rules.targetBytes : null,
    progress: doneBytes === null ? null : Math.min(1, doneBytes / Math.max(1, sizeBytes ?? plannedBytes)),
    pieceCid: piece && pieceCidV1(piece).toString(),
    pieceCidV2: piece && pieceCidV2(piece).toString(),
    root: root && CID.decode(root).toString(),
    closesAt: (isCollecting && rules && forcedAt({ oldestAt: row.oldestAt ?? undefined }, rules)) || null,
  }
}

/** Aggregates, the newest first. */
export async function listAggregates(
  { database, rules }: Components,
  { state, before, limit }: { state?: AggregateState | undefined; before?: number | undefined; limit: number },
): Promise<AggregateSummary[]> {
  const conditions = sql`where ${state === undefined ? sql`true` : sql`state = ${state}`}
    and ${before === undefined ? sql`true` : sql`id < ${before}`} order by id desc limit ${limit}`
  return (await selectAggregates(database, conditions)).map((row) => summaryOf(row, rules))
}

/** @throws KeepsakeError `NOT_FOUND` */
export async function getAggregate({ database, rules }: Components, id: number): Promise<AggregateSummary> {
  const [row] = await selectAggregates(database, sql`where id = ${id}`)
  if (!row) throw new KeepsakeError('NOT_FOUND', `There is no aggregate ${id}.`)
  return summaryOf(row, rules)
}

/** One item of an aggregate, with the two ways to it. */
export interface AggregateItem {
  cid: string
  part: number
  parts: number
  dagBytes: number
  selector: string | null
  /** False where its content was forgotten since. */
  isHere: boolean
}

export async function listItems({ kysely }: Db, aggregateId: number, limit: number): Promise<AggregateItem[]> {
  const { rows } = await sql<{
    cid: Uint8Array
    part: number
    parts: number
    dagBytes: number
    links: number[] | null
    isHere: boolean
  }>`
    select cid, part, parts, dag_bytes as "dagBytes", path_indexes as links, content_id is not null as "isHere"
    from aggregate_entry where aggregate_id = ${aggregateId} order by cid limit ${limit}`.execute(kysely)
  return rows.map(({ cid, links, ...row }) => ({
    ...row,
    cid: CID.decode(cid).toString(),
    selector: links?.map((index) => `Links/${index}/Hash`).join('/') ?? null,
  }))
}

/** What is not in an aggregate, and why. */
export interface Waiting {
  /** Complete and not looked at yet: most of them settle. */
  contents: number
  bytes: number
  oldestAt: Date | null
  /** Of the oldest. */
  settlesAt: Date | null
  /** Contents that cannot be packed for now. */
  obstacles: { cid: string; reason: string; attempts: number; since: Date; retryAt: Date }[]
  obstacleCount: number
}

export async function readWaiting({ database, rules }: Components, limit: number): Promise<Waiting> {
  const { rows } = await sql<{ contents: number; bytes: number; oldestAt: Date | null }>`
    select count(*) as contents, coalesce(sum(dag_bytes), 0)::bigint as bytes, min(complete_at) as "oldestAt"
    from content where packing = 'waiting' and complete_at is not null`.execute(database.kysely)
  const found = await sql<{ cid: Uint8Array; reason: string; attempts: number; since: Date; retryAt: Date; count: number }>`
    select c.cid, o.reason, o.attempts, o.since, o.retry_at as "retryAt", count(*) over () as count
    from aggregate_obstacle o join content c on c.id = o.content_id where c.packing = 'aside'
    order by o.since desc limit ${limit}`.execute(database.kysely)
  const { contents, bytes, oldestAt } = rows[0]!
  return {
    contents,
    bytes,
    oldestAt,
    settlesAt: oldestAt && rules ? new Date(oldestAt.getTime() + rules.settleMs) : null,
    obstacles: found.rows.map(({ cid, count: _, ...row }) => ({ ...row, cid: CID.decode(cid).toString() })),
    obstacleCount: found.rows[0]?.count ?? 0,
  }
}

/** How many aggregates, items and bytes there are in each state. */
export async function countByState({
  kysely,
}: Db): Promise<{ state: AggregateState; aggregates: number; items: number; bytes: number }[]> {
  const { rows } = await sql<{ state: AggregateState; aggregates: number; items: number; bytes: number }>`
    select state, count(*) as aggregates, sum(items)::bigint as items, sum(coalesce(size_bytes, planned_bytes))::bigint as bytes
    from aggregate group by state order by state`.execute(kysely)
  return rows
}
