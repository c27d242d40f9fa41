import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import pg from 'pg'
import { findEmbedded } from '../packages/server/src/database/embedded.ts'
import { inParallel, percentile, ratio, report } from './report.ts'
import { call, startSubject } from './subject.ts'

const requests = 20_000
const goalMs = 5

/** Roots as small uploads leave them: each in a shard of its own. */
async function fill(client: pg.Client, rows: number): Promise<void> {
  await client.query(
    `with made as (select i, sha256(i::text::bytea) as digest from generate_series(1, $1::int) i),
     shards as (insert into shard (cid, size_bytes) select '\\x0182041220'::bytea || sha256(digest), 1100 from made returning id, cid),
     contents as (insert into content (cid, dag_bytes, complete_at) select '\\x01551220'::bytea || digest, 1024, now() from made)
     insert into block (multihash, shard_id, byte_offset, byte_length)
     select '\\x1220'::bytea || digest, shards.id, 99, 1024 from made join shards on shards.cid = '\\x0182041220'::bytea || sha256(digest)`,
    [rows],
  )
  await client.query('vacuum analyze')
}

async function rootsOf(client: pg.Client, count: number): Promise<{ cid: string; multihash: Buffer }[]> {
  const { rows } = await client.query<{ multihash: Buffer }>('select multihash from block order by random() limit $1', [count])
  return rows.map(({ multihash }) => ({ multihash, cid: CID.createV1(0x55, Digest.decode(multihash)).toString() }))
}

/** The least that an answer costs here: a server that says the same words without looking anything up. */
async function startBare(answer: Buffer) {
  const server = createServer((_request, response) => response.setHeader('content-type', 'application/json').end(answer))
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return { port: (server.address() as AddressInfo).port, close: () => server.close() }
}

/** Delegated routing where a million roots are here, and for what is not, beside a bare look-up and a bare answer. */
export async function benchRouting(args: string[]): Promise<void> {
  const rows = args.includes('--rows') ? Number(args[args.indexOf('--rows') + 1]) : 1_000_000
  await using subject = await startSubject({ DATABASE_MAX_CONNECTIONS: '24' })
  const url = await findEmbedded(subject.server.dataDir)
  if (!url) throw new Error('The server of this measurement has no embedded database.')
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await fill(client, rows)
  const roots = await rootsOf(client, requests)
  const one = await call(subject, { path: `/routing/v1/providers/${roots[0]?.cid}` })
  if (!one.body.includes('transport-')) throw new Error(`A root was not found: ${one.body}`)
  const bare = await startBare(one.body)
  const bareSubject = { ...subject, server: { ...subject.server, port: bare.port } }

  const get = (at: typeof subject, path: string) => async () => {
    const { status } = await call(at, { path })
    if (status !== 200) throw new Error(`${path} answered ${status}`)
  }
  for (const width of [1, 32]) {
    const looked = await inParallel(2_000, 1, async (index) => {
      await client.query({
        name: 'one',
        text: 'select shard_id from block where multihash = $1',
        values: [roots[index]?.multihash],
      })
    })
    const answered = await inParallel(requests, width, (index) => get(bareSubject, '/')().then(() => void index))
    const found = await inParallel(requests, width, (index) => get(subject, `/routing/v1/providers/${roots[index]?.cid}`)())
    const absent = await inParallel(requests, width, (index) =>
      get(subject, `/routing/v1/providers/${roots[index]?.cid.replace(/....$/, 'aaaa')}`)(),
    )
    const p99 = (samples: readonly number[]) => percentile(samples.slice(samples.length / 10), 0.99)
    const floor = p99(answered.samples) + p99(looked.samples)
    for (const [what, { samples, perSecond }] of [
      ['found', found],
      ['not here', absent],
    ] as const) {
      report(
        `${rows} roots, ${width} at a time: ${what}`,
        `p50 ${percentile(samples, 0.5).toFixed(2)} p99 ${p99(samples).toFixed(2)} ms`,
        `${Math.round(perSecond)}/s; ${ratio(p99(samples) / floor)} of bare answer + bare look-up (${floor.toFixed(2)} ms)`,
        { text: `p99 under ${goalMs} ms`, met: p99(samples) < goalMs },
      )
    }
  }
  bare.close()
  await client.end()
}
