import { randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { sha256Speed } from './limits.ts'
import { watchMemory } from './memory.ts'
import { inParallel, mib, percentile, ratio, report } from './report.ts'
import type { Subject } from './subject.ts'
import { call, callJson, startSubject } from './subject.ts'
import { writeSample } from './upload.ts'

const GiB = 1024 ** 3
const boundary = 'keepsake-bench'
const files = 2000
const entries = 100_000

interface Stored {
  value: { cid: string }
}

async function readLarge(subject: Subject): Promise<void> {
  const path = join(subject.folder, 'file')
  await writeSample(path, GiB)
  const { size } = await stat(path)
  const headers = { 'content-type': 'application/octet-stream', 'content-length': size }
  const { value } = await callJson<Stored>(subject, {
    method: 'POST',
    path: '/api/upload',
    headers,
    body: createReadStream(path, { highWaterMark: 1024 * 1024 }),
  })
  const hashSpeed = await sha256Speed()
  const memory = await watchMemory(subject.server.pid)
  let best = 0
  for (let run = 0; run < 3; run++) {
    const startedAt = performance.now()
    const { totalBytes } = await call(subject, { path: `/ipfs/${value.cid}`, discard: true })
    if (totalBytes !== size) throw new Error(`Read ${totalBytes} bytes of ${size}.`)
    best = Math.max(best, size / ((performance.now() - startedAt) / 1000))
  }
  const { idleBytes, peakBytes } = memory.stop()
  report('gateway: a file of 1 GiB, verified', `${mib(best)}/s`, `${ratio(best / hashSpeed)} of sha256 (${mib(hashSpeed)}/s)`, {
    text: 'at least 0.5',
    met: best >= 0.5 * hashSpeed,
  })
  report('  memory above idle', mib(peakBytes - idleBytes))
}

async function readSmall(subject: Subject): Promise<void> {
  const cids: string[] = []
  await inParallel(files, 16, async () => {
    const headers = { 'content-type': 'image/png', 'content-length': 10_240 }
    const { value } = await callJson<Stored>(subject, { method: 'POST', path: '/api/upload', headers, body: randomBytes(10_240) })
    cids.push(value.cid)
  })
  const read = async (index: number) => {
    const { status, totalBytes } = await call(subject, { path: `/ipfs/${cids[index % files]}`, discard: true })
    if (status !== 200 || totalBytes !== 10_240) throw new Error(`Answered ${status} with ${totalBytes} bytes.`)
  }
  await inParallel(2000, 32, read)
  const { perSecond, samples } = await inParallel(15_000, 32, read)
  report(
    'gateway: files of 10 KiB, 32 at a time',
    `${Math.round(perSecond)}/s`,
    `p99 ${percentile(samples, 0.99).toFixed(1)} ms`,
    { text: 'at least 3000/s', met: perSecond >= 3000 },
  )
}

/** A sharded directory, read cold: the server is asked for a path it has not seen. */
async function readFromShardedDirectory(subject: Subject): Promise<void> {
  const form = async function* () {
    for (let at = 0; at < entries; at += 1000) {
      const parts = Array.from(
        { length: 1000 },
        (_, index) =>
          `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="${at + index}.json"\r\nContent-Type: application/json\r\n\r\n{"token":${at + index}}\r\n`,
      )
      yield Buffer.from(parts.join(''))
    }
    yield Buffer.from(`--${boundary}--\r\n`)
  }
  const headers = { 'content-type': `multipart/form-data; boundary=${boundary}` }
  const { value } = await callJson<Stored>(subject, { method: 'POST', path: '/api/upload', headers, body: form() })
  const samples: number[] = []
  for (let run = 0; run < 200; run++) {
    const name = (run * 487 + 31) % entries
    const { status, firstByteMs, body } = await call(subject, { path: `/ipfs/${value.cid}/${name}.json` })
    if (status !== 200 || body.toString() !== `{"token":${name}}`) throw new Error(`${name}.json: ${status} ${body}`)
    samples.push(firstByteMs)
  }
  const worst = Math.max(...samples)
  report(
    `first byte out of a directory of ${entries}`,
    `p50 ${percentile(samples, 0.5).toFixed(1)} ms`,
    `worst ${worst.toFixed(1)} ms`,
    { text: 'under 20 ms', met: worst < 20 },
  )
}

export async function benchRead(): Promise<void> {
  await using subject = await startSubject()
  await readSmall(subject)
  await readFromShardedDirectory(subject)
  await readLarge(subject)
}
