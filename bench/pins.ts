import { setTimeout as sleep } from 'node:timers/promises'
import { CID } from 'multiformats/cid'
import pg from 'pg'
import { findEmbedded } from '../packages/server/src/database/embedded.ts'
import { startFakeCluster } from '../packages/server/test/pins/fake-cluster.ts'
import { startFakePinata } from '../packages/server/test/pins/fake-pinata.ts'
import { startFakePinningService } from '../packages/server/test/pins/fake-pinning-service.ts'
import { ratio, report } from './report.ts'
import { storeSmall } from './small.ts'
import { startSubject } from './subject.ts'

const pins = 10_000
/** How long they are being pinned before all of them are done. */
const workingMs = 90_000
const longestMs = 10 * 60_000
const backends = ['cluster', 'psa', 'pinata'] as const

/** Uploads with nobody else to keep them, and with three others that are away: what the promise costs an upload. */
async function benchPromise(): Promise<void> {
  const away = {
    CLUSTER_URLS: 'http://127.0.0.1:9',
    PSA_URL: 'http://127.0.0.1:9',
    PSA_TOKEN: 'x',
    PINATA_JWT: 'x',
    PINATA_URL: 'http://127.0.0.1:9',
  }
  const rate = async (env: Record<string, string>) => {
    await using subject = await startSubject(env)
    await storeSmall(subject, 1_000)
    return (await storeSmall(subject, 5_000)).perSecond
  }
  const alone = await rate({})
  const withOthers = await rate({ PIN_BACKENDS: 'embedded,cluster,psa,pinata', ...away })
  report(
    'uploads of 1 KiB with three backends, all away',
    `${Math.round(withOthers)}/s`,
    `${ratio(withOthers / alone)} of those with none (${Math.round(alone)}/s)`,
  )
}

/** Contents that are complete and held, each being pinned at each backend. */
async function fill(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ cid: Buffer }>(
    `with made as (
       insert into content (cid, dag_bytes, complete_at)
       select '\\x01551220'::bytea || sha256(i::text::bytea), 1024, now() from generate_series(1, $1::int) i returning id, cid
     ), held as (
       insert into upload (user_id, content_id, source_cid, type, name, scope)
       select (select id from "user" limit 1), made.id, encode(made.cid, 'hex'), 'Blob', 'bench', 'bench' from made
     )
     select cid from made`,
    [pins],
  )
  await client.query(
    `update pin set status = 'pinning', next_step = 'track', next_attempt_at = now(), handed_over_at = now(), claimed_at = null`,
  )
  return rows.map(({ cid }) => CID.decode(cid).toString())
}

/** Most calls in any minute. */
function busiestMinute(times: readonly number[]): number {
  let most = 0
  for (let first = 0, last = 0; last < times.length; last++) {
    while ((times[last] as number) - (times[first] as number) >= 60_000) first++
    most = Math.max(most, last - first + 1)
  }
  return most
}

/** What tracking pins by CID costs the services that are asked. */
async function benchTracking(): Promise<void> {
  await using cluster = await startFakeCluster()
  await using psa = await startFakePinningService()
  await using pinata = await startFakePinata()
  const fakes = { cluster, psa, pinata }
  const times = { cluster: [] as number[], psa: [] as number[], pinata: [] as number[] }
  for (const name of backends) fakes[name].onCall = () => times[name].push(Date.now())
  await using subject = await startSubject({
    PIN_BACKENDS: 'embedded,cluster,psa,pinata',
    CLUSTER_URLS: cluster.url,
    PSA_URL: psa.url,
    PSA_TOKEN: 'secret',
    PINATA_JWT: 'jwt',
    PINATA_API: 'hash',
    PINATA_URL: pinata.url,
  })
  const client = new pg.Client({ connectionString: await findEmbedded(subject.server.dataDir) })
  await client.connect()
  try {
    const cids = await fill(client)
    cids.forEach((cid, index) => {
      cluster.pins.set(cid, { status: 'pinning', error: '', blocks: 1 })
      const created = new Date(Date.now() + index).toISOString()
      psa.requests.push({ requestid: `r${index}`, status: 'pinning', created, pin: { cid }, delegates: [] })
      pinata.jobs.push({ id: index, cid, status: 'retrieving', name: undefined, hostNodes: undefined, queued: created })
    })
    await sleep(workingMs)
    for (const pin of cluster.pins.values()) pin.status = 'pinned'
    for (const request of psa.requests) request.status = 'pinned'
    pinata.finishAll()
    const finishedAt = Date.now()
    const seen = new Map<string, number>()
    while (seen.size < backends.length && Date.now() - finishedAt < longestMs) {
      const { rows } = await client.query<{ backend: string }>(
        `select backend from pin group by 1 having count(*) filter (where status <> 'pinned') = 0`,
      )
      for (const { backend } of rows) if (!seen.has(backend)) seen.set(backend, Date.now() - finishedAt)
      await sleep(1_000)
    }
    for (const name of backends) {
      const most = busiestMinute(times[name])
      const seenMs = seen.get(name)
      report(
        `${pins} pins tracked at ${name}`,
        `${most} calls in the busiest minute`,
        seenMs === undefined ? 'not all seen to be pinned' : `all seen ${Math.round(seenMs / 1000)} s after the last was done`,
        { text: 'fewer than 200 a minute', met: most < 200 && seenMs !== undefined },
      )
    }
  } finally {
    await client.end()
  }
}

/** Keeping contents in more than one place: what it costs uploads, and the services that are asked. */
export async function benchPins(): Promise<void> {
  await benchPromise()
  await benchTracking()
}
