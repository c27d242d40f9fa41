import pg from 'pg'
import { signSpid } from '../packages/filecoin/src/spid.ts'
import { findEmbedded } from '../packages/server/src/database/embedded.ts'
import { startNode, testProvider, workerKey } from '../packages/server/test/providers/node.ts'
import { ratio, report } from './report.ts'
import { startSubject } from './subject.ts'

const pieces = 100_000
const providers = 60
const asker = 1000
const rounds = 9

/** Built aggregates, and providers that hold some of them: of the first `taken` all that are wanted, of the others two. */
async function fill(client: pg.Client, taken: number): Promise<void> {
  await client.query('truncate deal, deal_event, aggregate, provider cascade')
  await client.query(
    `insert into provider (network, actor_id, organisation, city, country, continent)
     select 'bench', 1000 + i, 'organisation ' || i, 'city ' || i, chr(65 + i % 20) || chr(65 + i / 20), (array['AF', 'AS', 'EU', 'NA', 'OC', 'SA'])[1 + i % 6]
     from generate_series(0, $1::int - 1) i`,
    [providers],
  )
  await client.query(
    `insert into aggregate (layout, state, items, size_bytes, piece_root, piece_height, built_at)
     select 'unixfs-2021', 'built', 1, 1000000000, substr(sha256(i::text::bytea), 1, 31) || '\\x3f'::bytea, 30, now() from generate_series(1, $1::int) i`,
    [pieces],
  )
  await client.query(
    `insert into deal (aggregate_id, provider_id, state, proposal_cid, chain_deal_id, start_epoch, end_epoch)
     select a.id, p.id, 'active', sha256((a.id * 100 + k)::text::bytea), a.id * 100 + k, 0, 100000000
     from (select id, row_number() over (order by id) as n from aggregate) a
     cross join generate_series(0, 2) k
     join (select id, row_number() over (order by id) - 1 as n from provider where actor_id <> $1::int) p
       on p.n = (a.n * 7 + k * 20) % ($2::int - 1)
     where k < 2 or a.n <= $3::int`,
    [asker, providers, taken],
  )
  await client.query('vacuum analyze deal, aggregate, provider')
}

function median(times: readonly number[]): number {
  return [...times].sort((a, b) => a - b)[Math.floor(times.length / 2)] as number
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const times: number[] = []
  for (let round = 0; round < rounds; round++) {
    const startedAt = performance.now()
    await work()
    times.push(performance.now() - startedAt)
  }
  return median(times)
}

/** What a provider is offered out of 100,000 pieces and their replicas, over HTTP with its signature, beside reading those rows and doing nothing with them. */
export async function benchEligible(): Promise<void> {
  await using node = await startNode({ epochs: 10_000 })
  node.providers.set(asker, testProvider(asker))
  await using subject = await startSubject({ FILECOIN_RPC: node.url, DEAL_MAX_PER_CONTINENT: '3' })
  const client = new pg.Client({ connectionString: await findEmbedded(subject.server.dataDir) })
  await client.connect()
  try {
    await client.query(
      `insert into chain_source (network, is_devnet, rpc_urls, genesis_at, epoch_seconds) values ('bench', false, array[$1], $2, $3)
       on conflict (id) do update set network = 'bench', rpc_urls = excluded.rpc_urls, genesis_at = excluded.genesis_at, epoch_seconds = excluded.epoch_seconds`,
      [node.url, node.genesisAt, node.epochMs / 1000],
    )
    let signed = { epoch: Number.NEGATIVE_INFINITY, header: '' }
    const ask = async (limit: number): Promise<number> => {
      const epoch = node.epochNow()
      if (signed.epoch + 2 < epoch)
        signed = { epoch, header: signSpid({ epoch, actorId: asker, beacon: node.beaconOf(epoch), worker: workerKey(asker) }) }
      const url = `${subject.server.url}/sp/eligible_pieces?limit=${limit}`
      const response = await fetch(url, { headers: { authorization: signed.header } })
      const told = (await response.json()) as { response_entries?: number; error_lines?: string[] }
      if (response.status !== 200) throw new Error(`${response.status}: ${told.error_lines?.join(' ')}`)
      return told.response_entries ?? 0
    }
    for (const [taken, what] of [
      [50_000, 'half of them taken'],
      [pieces - 100, 'all but 100 taken'],
    ] as const) {
      await fill(client, taken)
      const { rows } = await client.query<{ deals: number }>('select count(*)::int as deals from deal')
      const bare = await timed(() => client.query('select count(*), sum(provider_id), sum(end_epoch) from deal'))
      const found = await ask(500)
      const took = await timed(() => ask(500))
      report(
        `eligible_pieces, ${pieces} pieces, ${rows[0]?.deals} replicas, ${what}: ${found} found`,
        `${Math.round(took)} ms`,
        `${ratio(took / bare)} of reading these replicas (${Math.round(bare)} ms); the goal is under 200 ms`,
      )
    }
    await fill(client, 0)
    const found = await ask(pieces)
    const took = await timed(() => ask(pieces))
    report(
      `eligible_pieces, all ${found} in one answer`,
      `${Math.round(took)} ms`,
      `${Math.round(found / took)} pieces a millisecond`,
    )
  } finally {
    await client.end()
  }
}
