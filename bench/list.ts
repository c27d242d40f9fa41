import pg from 'pg'
import { findEmbedded } from '../packages/server/src/database/embedded.ts'
import { percentile, report } from './report.ts'
import type { Subject } from './subject.ts'
import { call, callJson, startSubject } from './subject.ts'

const requests = 2000

/** Uploads of one user over the last two years, each with a content of its own, as their rows would be. */
export async function fill(url: string, rows: number, from = 0): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(
      `with made as (
         insert into content (cid, dag_bytes, complete_at)
         select '\\x01551220'::bytea || sha256(i::text::bytea), 1024 + i % 5000, now() from generate_series($2::int + 1, $2::int + $1::int) i returning id, cid
       )
       insert into upload (user_id, key_id, content_id, source_cid, type, mime_type, name, scope, parts, created_at)
       select (select id from "user" limit 1), (select id from api_key limit 1), made.id, encode(made.cid, 'hex'), 'Blob', 'image/png',
              'Token ' || made.id, 'bench', array['bagbaieraexample'], now() - random() * interval '2 years'
       from made`,
      [rows, from],
    )
    await client.query('vacuum analyze')
  } finally {
    await client.end()
  }
}

async function measure(subject: Subject, what: string, pathOf: (index: number) => string): Promise<void> {
  const samples: number[] = []
  for (let index = 0; index < requests; index++) {
    const startedAt = performance.now()
    const { status, body } = await call(subject, { path: pathOf(index) })
    if (status !== 200) throw new Error(`${pathOf(index)} answered ${status}: ${body}`)
    if (index >= requests / 10) samples.push(performance.now() - startedAt)
  }
  const p99 = percentile(samples, 0.99)
  report(what, `p50 ${percentile(samples, 0.5).toFixed(1)} ms`, `p99 ${p99.toFixed(1)} ms`, {
    text: 'p99 under 10 ms',
    met: p99 < 10,
  })
}

/** Lists and status where one user has a million uploads. */
export async function benchList(args: string[]): Promise<void> {
  const rows = args.includes('--rows') ? Number(args[args.indexOf('--rows') + 1]) : 1_000_000
  await using subject = await startSubject()
  const stored = await callJson<{ value: { cid: string } }>(subject, {
    method: 'POST',
    path: '/api/upload',
    headers: { 'content-type': 'text/plain' },
    body: Buffer.from('status'),
  })
  const url = await findEmbedded(subject.server.dataDir)
  if (!url) throw new Error('The server of this measurement has no embedded database.')
  await fill(url, rows)
  const instant = (index: number) => new Date(Date.now() - ((index * 7919) % 730) * 86_400_000 - index * 1000).toISOString()
  await measure(subject, 'GET /', () => '/api/')
  await measure(subject, 'GET /?limit=25&before=', (index) => `/api/?limit=25&before=${instant(index)}`)
  await measure(subject, 'GET /:cid', () => `/api/${stored.value.cid}`)
  await measure(subject, 'GET /check/:cid', () => `/api/check/${stored.value.cid}`)
  await measure(subject, 'GET /?name= (search)', (index) => `/api/?name=${encodeURIComponent(`Token ${1000 + index * 331}`)}`)
}
