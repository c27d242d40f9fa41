import type { StatsHistory } from '@keepsake/api/service.ts'
import { sql } from 'kysely'
import type { Db } from '../database/database.ts'

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
  const [uploads, shards, users, contents] = await Promise.all([
    countUploads(db),
    sumByDay(db, sql`select created_at, size_bytes as amount from shard`),
    sumByDay(db, sql`select created_at, 1 as amount from "user" where deleted_at is null`),
    countContents(db),
  ])
  const today = Date.parse(dayOf(now))
  const came = [uploads[0]?.day, shards[0]?.day, users[0]?.day].flatMap((day) => (day === undefined ? [] : [Date.parse(day)]))
  const first = Math.max(Math.min(today - (shortestDays - 1) * dayMs, ...came), today - (longestDays - 1) * dayMs)
  const days: Day[] = []
  const storedUntil = runningTotal(shards)
  const usersUntil = runningTotal(users)
  for (let at = first; at <= today; at += dayMs) {
    const day = dayOf(new Date(at))
    const ofDay = (type: UploadType) => uploads.find((row) => row.day === day && row.type === type)?.count ?? 0
    days.push({
      day,
      uploads: {
        Blob: ofDay('Blob'),
        Car: ofDay('Car'),
        Multipart: ofDay('Multipart'),
        Nft: ofDay('Nft'),
        Remote: ofDay('Remote'),
      },
      storedBytes: storedUntil(day),
      users: usersUntil(day),
    })
  }
  return { days, contents }
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
    select to_char(created_at at time zone 'UTC', 'YYYY-MM-DD') as day, sum(amount)::bigint as amount
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
    from content where exists (select from upload where content_id = content.id and deleted_at is null)`.execute(kysely)
  return rows[0] as StatsHistory['contents']
}
