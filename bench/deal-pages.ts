import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { writeSource } from '../packages/server/src/chain/source.ts'
import { parseConfig } from '../packages/server/src/config.ts'
import type { Service } from '../packages/server/src/service.ts'
import { openService } from '../packages/server/src/service.ts'
import { percentile, ratio, report } from './report.ts'

const pageSize = 1_000
const replicas = 5
const goalMs = 10
const rounds = 100

/** How long it takes to find the deals of a page of uploads, with a million deals beside them. */
export async function benchDealPages(args: string[]): Promise<void> {
  const deals = args.includes('--deals') ? Number(args[args.indexOf('--deals') + 1]) : 1_000_000
  const dataDir = await mkdtemp(join(tmpdir(), 'keepsake-bench-'))
  try {
    const config = parseConfig({ DATA_DIR: dataDir, LOG_LEVEL: 'error' })
    await using service = await openService({ config, log: pino({ level: 'error' }), mode: 'server' })
    const { together, apart } = await fill(service, deals / replicas)
    const bare = await measure(() =>
      service.database.pool.query('select * from content where id = any($1::bigint[])', [together]),
    )
    for (const [what, ids] of Object.entries({ 'in one aggregate': together, 'in an aggregate each': apart })) {
      const samples = await measure(() => service.findDeals(ids))
      const p50 = percentile(samples, 0.5)
      const baseline = percentile(bare, 0.5)
      report(
        `deals of ${pageSize} uploads ${what}`,
        `p50 ${p50.toFixed(1)} ms, p99 ${percentile(samples, 0.99).toFixed(1)} ms`,
        `${ratio(p50 / baseline)} of as many rows by primary key (${baseline.toFixed(1)} ms)`,
        { text: `p50 under ${goalMs} ms with ${deals} deals`, met: p50 < goalMs },
      )
    }
  } finally {
    await rm(dataDir, { recursive: true, force: true })
  }
}

async function measure(one: () => Promise<unknown>): Promise<number[]> {
  const samples: number[] = []
  for (let round = 0; round < rounds; round++) {
    const startedAt = performance.now()
    await one()
    if (round >= rounds / 10) samples.push(performance.now() - startedAt)
  }
  return samples
}

/** Aggregates with active deals each; of two pages of uploads, one lies in the first aggregate, the other in a thousand. */
async function fill({ database }: Service, aggregates: number): Promise<{ together: number[]; apart: number[] }> {
  const { pool } = database
  const urls = { rpcUrls: ['http://127.0.0.1:1/'], controlUrl: 'http://127.0.0.1:1/' }
  const network = 'keepsake-devnet-0badcafe'
  await writeSource(database, { network, isDevnet: true, ...urls, genesisAt: new Date(), epochSeconds: 30 })
  await pool.query(
    `insert into provider (network, actor_id, organisation, city, country, continent)
     select $1, 1000 + i, 'organisation ' || i, 'Lyon', 'FR', 'EU' from generate_series(1, $2) i`,
    [network, replicas],
  )
  await pool.query(
    `insert into aggregate (layout, state, size_bytes, piece_root, piece_height, built_at)
     select 'segments', 'built', 1000, set_byte(sha256(i::text::bytea), 31, 1), 15, now() from generate_series(1, $1::int) i`,
    [aggregates],
  )
  await pool.query(
    `insert into deal (aggregate_id, provider_id, state, proposal, proposal_cid, chain_deal_id, start_epoch, end_epoch, published_epoch, activated_epoch,
       sector, proving, deadline, partition, proving_since_epoch, last_proven_epoch)
     select a.id, p.id, 'active', $1, '\\x0171a0e40220'::bytea || sha256((a.id * 10 + p.id)::text::bytea), a.id * 10 + p.id, 100, 1000000, 10, 50,
       a.id, 'proving', a.id % 48, 0, 60, 100
     from aggregate a cross join provider p`,
    [randomBytes(250)],
  )
  const contents = async (first: number, aggregateOf: string): Promise<number[]> => {
    const { rows } = await pool.query<{ id: number }>(
      `with made as (
         insert into content (cid, dag_bytes, complete_at)
         select '\\x01551220'::bytea || sha256(i::text::bytea), 1024, now() from generate_series($1::int + 1, $1::int + $2::int) i returning id, cid
       ), chosen as (select id, cid, row_number() over (order by id) as n from made)
       insert into aggregate_entry (aggregate_id, layout, cid, content_id, dag_bytes, dag_blocks, planned_bytes, planned_blocks, complete_at, byte_offset, byte_length)
       select ${aggregateOf}, 'segments', cid, id, 1024, 1, 1024, 1, now(), n * 2048, 1024 from chosen returning content_id as id`,
      [first, pageSize],
    )
    return rows.map(({ id }) => id)
  }
  const first = '(select min(id) from aggregate)'
  const together = await contents(0, first)
  const apart = await contents(pageSize, `${first} + n * 100`)
  await pool.query('vacuum analyze')
  return { together, apart }
}
