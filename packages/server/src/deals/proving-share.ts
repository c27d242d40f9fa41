import type { FilecoinHistory } from '@keepsake/api/service.ts'
import { sql } from 'kysely'
import { isHeldNow } from '../blocks/content.ts'
import { findSource } from '../chain/source.ts'
import type { Db } from '../database/database.ts'

/** A look at the chain that is older says nothing of now, and is not written down as if it did. */
const staleLookMs = 15 * 60_000
const longestDays = 366

interface Options {
  /** An item counts once it has been complete for so long: until then it may still wait to be packed. */
  packingMs: number
  /** Live replicas that are wanted. */
  replicas: number
  now?: Date
}

/** As many replicas as every part of a content has whose sector is proven; in the better one of two layouts. */
const provenReplicas = sql`
  select content_id, max(replicas) as replicas from (
    select e.content_id, e.layout, case when count(*) = max(e.parts) then min(coalesce(proven.deals, 0)) else 0 end as replicas
    from aggregate_entry e left join proven on proven.aggregate_id = e.aggregate_id
    where e.content_id is not null group by e.content_id, e.layout
  ) as of_layout group by content_id`

/**
 * Writes down how many items are properly proven: in an aggregate, or all parts in one each, with a deal that is active, not ended, and whose sector was
 * seen in a partition without being faulty, unproven or terminated. Writes nothing where the chain has not been looked at lately. Gives whether it did.
 */
export async function sampleProving({ kysely }: Db, { packingMs, replicas, now = new Date() }: Options): Promise<boolean> {
  const source = await findSource({ kysely })
  if (!source) return false
  const head = await kysely
    .selectFrom('chain_head')
    .select(['epoch', 'seen_at'])
    .where('network', '=', source.network)
    .executeTakeFirst()
  if (!head || now.getTime() - head.seen_at.getTime() > staleLookMs) return false
  const day = now.toISOString().slice(0, 10)
  await kysely.transaction().execute(async (trx) => {
    await sql`delete from proving_sample where network = ${source.network} and day = ${day}::date`.execute(trx)
    await sql`
      with proven as (
        select d.aggregate_id, count(*) as deals from deal d join provider p on p.id = d.provider_id
        where p.network = ${source.network} and d.state = 'active' and d.proving = 'proving' and d.end_epoch > ${head.epoch}
        group by d.aggregate_id
      ), replicas as (${provenReplicas}), item as (
        select case when complete_at > ${now}::timestamptz - interval '1 day' then 'day'
          when complete_at > ${now}::timestamptz - interval '7 days' then 'week'
          when complete_at > ${now}::timestamptz - interval '30 days' then 'month' else 'older' end as age,
          coalesce(r.replicas, 0) as replicas
        from content left join replicas r on r.content_id = content.id
        where complete_at <= ${now}::timestamptz - ${packingMs}::float8 * interval '1 millisecond' and ${isHeldNow}
      )
      insert into proving_sample (network, day, age, items, proven_once, proven_enough, replicas, sampled_at)
      select ${source.network}, ${day}::date, age, count(*), count(*) filter (where replicas >= 1), count(*) filter (where replicas >= ${replicas}),
        ${replicas}, ${now} from item group by age`.execute(trx)
    await sql`delete from deal_sample where network = ${source.network} and day = ${day}::date`.execute(trx)
    await sql`
      insert into deal_sample (network, day, state, deals)
      select ${source.network}, ${day}::date, d.state, count(*) from deal d join provider p on p.id = d.provider_id
      where p.network = ${source.network} group by d.state`.execute(trx)
  })
  return true
}

type Age = FilecoinHistory['ages'][number]

/** What was counted last, of the day it was counted on. */
export interface ProvingShare {
  replicas: number
  sampledAt: Date
  ages: Age[]
}

/** Undefined where nothing was counted yet. */
export async function findProvingShare({ kysely }: Db, network: string): Promise<ProvingShare | undefined> {
  const { rows } = await sql<Age & { replicas: number; sampledAt: Date }>`
    select age, items, proven_once as "provenOnce", proven_enough as "provenEnough", replicas, sampled_at as "sampledAt"
    from proving_sample where network = ${network} and day = (select max(day) from proving_sample where network = ${network})
    order by array_position(array['day', 'week', 'month', 'older'], age)`.execute(kysely)
  const first = rows[0]
  if (!first) return undefined
  const ages = rows.map(({ age, items, provenOnce, provenEnough }) => ({ age, items, provenOnce, provenEnough }))
  return { replicas: first.replicas, sampledAt: first.sampledAt, ages }
}

/** What was written down of the network that is followed now; undefined where none is, or nothing was yet. */
export async function readFilecoinHistory({ kysely }: Db): Promise<FilecoinHistory | undefined> {
  const source = await findSource({ kysely })
  if (!source) return undefined
  const { network, isDevnet } = source
  const share = await findProvingShare({ kysely }, network)
  if (!share) return undefined
  const { rows: days } = await sql<FilecoinHistory['days'][number]>`
    select to_char(s.day, 'YYYY-MM-DD') as day, sum(s.items)::bigint as items, sum(s.proven_once)::bigint as "provenOnce",
      sum(s.proven_enough)::bigint as "provenEnough",
      coalesce((select jsonb_object_agg(d.state, d.deals) from deal_sample d where d.network = s.network and d.day = s.day), '{}') as deals
    from proving_sample s where s.network = ${network} and s.day > ${share.sampledAt}::date - ${longestDays}::int
    group by s.network, s.day order by s.day`.execute(kysely)
  return { network, isDevnet, ...share, sampledAt: share.sampledAt.toISOString(), days }
}
