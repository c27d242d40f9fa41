import { createHash, randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { fastestPairs } from '../packages/commp/src/native-pairs.ts'
import { parseProof } from '../packages/content/src/proof/parse.ts'
import { verifyProof } from '../packages/content/src/proof/verify.ts'
import { percentile, ratio, report } from './report.ts'
import { storeSmall } from './small.ts'
import type { Subject } from './subject.ts'
import { call, callJson, startSubject } from './subject.ts'

const smallUploads = 5_000
const fileBytes = 1024 * 1024
const rounds = 200
const goals = { makeMs: 100, verifyMs: 50, bytes: 10_000 }
// All of it goes into one aggregate, as soon as it is here.
const packing = {
  AGGREGATE_PROFILE: 'trial',
  AGGREGATE_TARGET_BYTES: String(1024 ** 3),
  AGGREGATE_SETTLE_SECONDS: '2',
  AGGREGATE_FORCE_SECONDS: '0',
}

async function proofOf(subject: Subject, cid: string): Promise<{ text: string; ms: number }> {
  for (let attempt = 0; attempt < 600; attempt++) {
    const startedAt = performance.now()
    const { status, body } = await call(subject, { path: `/api/proof/${cid}` })
    if (status === 200) return { text: body.toString(), ms: performance.now() - startedAt }
    await sleep(500)
  }
  throw new Error(`There is no proof of ${cid} after five minutes.`)
}

/** Proofs of a file of 1 MiB among many small ones: made by the server, and checked without network. */
export async function benchProofs(): Promise<void> {
  await using subject = await startSubject(packing)
  const file = randomBytes(fileBytes)
  const headers = { 'content-type': 'application/octet-stream', 'content-length': fileBytes }
  const { value } = await callJson<{ value: { cid: string } }>(subject, {
    method: 'POST',
    path: '/api/upload',
    headers,
    body: file,
  })
  await storeSmall(subject, smallUploads)
  const { text } = await proofOf(subject, value.cid)
  const made: number[] = []
  for (let round = 0; round < rounds; round++) made.push((await proofOf(subject, value.cid)).ms)
  const p50 = percentile(made, 0.5)
  const p99 = percentile(made, 0.99)
  report(
    `proof of 1 MiB among ${smallUploads} files`,
    `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`,
    `${text.length} bytes`,
    {
      text: `p50 under ${goals.makeMs} ms, ${goals.bytes} bytes`,
      met: p50 < goals.makeMs && text.length < goals.bytes,
    },
  )
  await benchVerify(subject, text, file)
}

async function benchVerify(subject: Subject, text: string, file: Uint8Array): Promise<void> {
  const blocks = new Map<string, Uint8Array>()
  const fetchBlock = async (cid: string): Promise<Uint8Array> => {
    const { body } = await call(subject, { path: `/ipfs/${cid}?format=raw` })
    blocks.set(cid, body)
    return body
  }
  const { hashPairs, name } = fastestPairs()
  const verify = async (read: (cid: string) => Promise<Uint8Array>) => {
    const report = await verifyProof(await parseProof(text), { hashPairs, read: (cid) => read(cid.toString()) })
    if (report.outcome !== 'verified') throw new Error(JSON.stringify(report, null, 2))
  }
  await verify(fetchBlock)
  const checked: number[] = []
  const hashed: number[] = []
  for (let round = 0; round < rounds; round++) {
    const startedAt = performance.now()
    await verify(async (cid) => blocks.get(cid) as Uint8Array)
    checked.push(performance.now() - startedAt)
    const hashingAt = performance.now()
    createHash('sha256').update(file).digest()
    hashed.push(performance.now() - hashingAt)
  }
  const p50 = percentile(checked, 0.5)
  const beside = `${ratio(p50 / percentile(hashed, 0.5))} of sha256 over the file once (${percentile(hashed, 0.5).toFixed(1)} ms)`
  report(
    `verifying it without network (${name})`,
    `p50 ${p50.toFixed(1)} ms, p99 ${percentile(checked, 0.99).toFixed(1)} ms`,
    beside,
    {
      text: `p50 under ${goals.verifyMs} ms`,
      met: p50 < goals.verifyMs,
    },
  )
}
