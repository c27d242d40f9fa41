import { randomBytes } from 'node:crypto'
import { watchMemory } from './memory.ts'
import { mib, report } from './report.ts'
import { callJson, startSubject } from './subject.ts'

const MiB = 1024 * 1024
const boundary = 'keepsake-bench'

/** A form of `count` files of 1 KiB, in pieces of about 256 KiB as a client would send it. */
async function* form(count: number): AsyncGenerator<Buffer> {
  let pending: Buffer[] = []
  for (let index = 0; index < count; index++) {
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="${index}.json"\r\nContent-Type: application/json\r\n\r\n`
    pending.push(Buffer.from(head), randomBytes(1024), Buffer.from('\r\n'))
    if (pending.length >= 600) {
      yield Buffer.concat(pending)
      pending = []
    }
  }
  yield Buffer.concat([...pending, Buffer.from(`--${boundary}--\r\n`)])
}

/** A collection: 10,000 small files in one directory. */
export async function benchDirectory(): Promise<void> {
  await using subject = await startSubject()
  for (const count of [10_000, 10_000, 100_000]) {
    const memory = await watchMemory(subject.server.pid)
    const startedAt = performance.now()
    const headers = { 'content-type': `multipart/form-data; boundary=${boundary}` }
    await callJson(subject, { method: 'POST', path: '/api/upload', headers, body: form(count) })
    const seconds = (performance.now() - startedAt) / 1000
    const { peakBytes, idleBytes } = memory.stop()
    const goal = count === 10_000 ? { text: 'under 6 s', met: seconds < 6 } : undefined
    report(`${count} files of 1 KiB as one directory`, `${seconds.toFixed(2)} s`, `${Math.round(count / seconds)} files/s`, goal)
    report('  memory above idle', mib(peakBytes - idleBytes), '', {
      text: 'at most 300 MiB',
      met: peakBytes - idleBytes < 300 * MiB,
    })
  }
}
