import type { StatsHistory } from '@keepsake/api/service.ts'
import { sql } from 'kysely'
import { isHeldNow } from '../blocks/content.ts'
import type { Db } from '../database/database.ts'
import { readFilecoinHistory } from '../deals/proving-share.ts'

const dayMs = 86_400_000
const longestDays = 366
/** A plot of one day shows nothing. */
const shortestDays = 14
/** Everything is counted anew for it, so it is not counted for everybody who looks. */
const freshMs = 60_000

type Day = StatsHistory['days'][number]
type UploadType = keyof Day['uploads']

/** Gives the history, counted at most once a minute however many ask. */
export function statsHistory({ database }: { database: Db }): () => Promise<StatsHistory> {
  let counted: { at: number; history: Promise<StatsHistory> } | undefined
  return () => {
    if (counted && Date.now() - counted.at < freshMs) return counted.history
    const history = readHistory(database, new Date())
    const mine = { at: Date.now(), history }
    counted = mine
    history.catch(() => {
      if (counted === mine) counted = undefined
    })
    return history
  }
}

const dayOf = (instant: Date) => instant.toISOString().slice(0, 10)

async function readHistory(db: Db, now: Date): Promise<StatsHistory> {
  const [uploads, shards, users, contents, pinned, elsewhere, built, pins, pieces, filecoin] = await Promise.all([
    countUploads(db),
    sumByDay(db, sql`select created_at as at, size_bytes as amount from shard`),
    sumByDay(db, sql`select created_at as at, 1 as amount from "user" where deleted_at is null`),
    countContents(db),
    sumByDay(db, sql`select complete_at as at, 1 as amount from content where complete_at is not null and ${isHeldNow}`),
    sumByDay(db, sql`select since as at, 1 as amount from pin where status = 'pinned' and backend <> 'embedded'`),
    sumByDay(db, sql`select built_at as at, 1 as amount from aggregate where state = 'built'`),
    countPins(db),
    countPieces(db),
    readFilecoinHistory(db),
  ])
  const today = Date.parse(dayOf(now))
  const came = [uploads[0]?.day, shards[0]?.day, users[0]?.day].flatMap((day) => (day === undefined ? [] : [Date.parse(day)]))
  const first = Math.max(Math.min(today - (shortestDays - 1) * dayMs, ...came), today - (longestDays - 1) * dayMs)
  const until = {
    storedBytes: runningTotal(shards),
    users: runningTotal(users),
    pinned: runningTotal(pinned),
    pinnedElsewhere: runningTotal(elsewhere),
    pieces: runningTotal(built),
  }
  const days: Day[] = []
  for (let at = first; at <= today; at += dayMs) {
    const day = dayOf(new Date(at))
    days.push({
      day,
      uploads: uploadsOf(uploads, day),
      storedBytes: until.storedBytes(day),
      users: until.users(day),
      pinned: until.pinned(day),
      pinnedElsewhere: until.pinnedElsewhere(day),
      pieces: until.pieces(day),
    })
  }
  return { days, contents, pins, pieces, ...(filecoin && { filecoin }) }
}

function uploadsOf(uploads: Awaited<ReturnType<typeof countUploads>>, day: string): Day['uploads'] {
  const of = (type: UploadType) => uploads.find((row) => row.day === day && row.type === type)?.count ?? 0
  return { Blob: of('Blob'), Car: of('Car'), Multipart: of('Multipart'), Nft: of('Nft'), Remote: of('Remote') }
}

interface DaySum {
  day: string
  amount: number
}

/** The sum of everything up to a day; the days have to be asked for in order. */
function runningTotal(rows: readonly DaySum[]): (day: string) => number {
  let total = 0
  let next = 0
  return (day) => {
    for (let row = rows[next]; row && row.day <= day; row = rows[++next]) total += row.amount
    return total
  }
}

async function sumByDay({ kysely }: Db, source: ReturnType<typeof sql>): Promise<DaySum[]> {
  const { rows } = await sql<DaySum>`
    select to_char(at at time zone 'UTC', 'YYYY-MM-DD') as day, sum(amount)::bigint as amount
    from (${source}) as source group by 1 order by 1`.execute(kysely)
  return rows
}

async function countUploads({ kysely }: Db): Promise<{ day: string; type: UploadType; count: number }[]> {
  const { rows } = await sql<{ day: string; type: UploadType; count: number }>`
    select to_char(created_at at time zone 'UTC', 'YYYY-MM-DD') as day, type, count(*) as count
    from upload where created_at > now() - make_interval(days => ${longestDays})
    group by 1, 2 order by 1`.execute(kysely)
  return rows
}

async function countContents({ kysely }: Db): Promise<StatsHistory['contents']> {
  const { rows } = await sql<StatsHistory['contents']>`
    select count(*) filter (where complete_at is not null) as complete, count(*) filter (where complete_at is null) as incomplete
    from content where ${isHeldNow}`.execute(kysely)
  return rows[0] as StatsHistory['contents']
}

/** Our own shards need no rows: a content is pinned there when it is complete, unless an audit found something wrong. */
async function countPins({ kysely }: Db): Promise<StatsHistory['pins']> {
  const { rows } = await sql<StatsHistory['pins'][number]>`
    with own as (
      select coalesce(p.status, case when content.complete_at is null then 'pinning' else 'pinned' end) as status
      from content left join pin p on p.content_id = content.id and p.backend = 'embedded' where ${isHeldNow}
    ), every as (
      select 'embedded' as backend, status from own union all select backend, status from pin where backend <> 'embedded'
    )
    select backend, count(*) filter (where status = 'queued') as queued, count(*) filter (where status = 'pinning') as pinning,
      count(*) filter (where status = 'pinned') as pinned, count(*) filter (where status = 'failed') as failed
    from every group by backend order by backend <> 'embedded', backend`.execute(kysely)
  return rows
}

async function countPieces({ kysely }: Db): Promise<StatsHistory['pieces']> {
  const { rows } = await sql<StatsHistory['pieces']>`
    select count(*) filter (where state = 'collecting') as collecting, count(*) filter (where state in ('building', 'validating')) as building,
      count(*) filter (where state = 'built') as built, count(*) filter (where state = 'failed') as failed
    from aggregate`.execute(kysely)
  return rows[0] as StatsHistory['pieces']
}
