import { randomBytes } from 'node:crypto'
import { mkdtemp, open, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inParallel, percentile, ratio, report } from './report.ts'
import type { Subject } from './subject.ts'
import { callJson, startSubject } from './subject.ts'

const width = 64
const count = 10_000

/** What the disk alone can do: a file of 1 KiB written, fsynced, renamed, its folder fsynced. */
async function durableFiles(): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'keepsake-bench-'))
  const bytes = randomBytes(1024)
  const { perSecond } = await inParallel(count / 2, width, async (index) => {
    const file = await open(join(folder, `${index}.part`), 'w')
    await file.write(bytes)
    await file.datasync()
    await file.close()
    await rename(join(folder, `${index}.part`), join(folder, `${index}`))
    const directory = await open(folder, 'r')
    await directory.sync()
    await directory.close()
  })
  await rm(folder, { recursive: true })
  return perSecond
}

/** Stores so many random files of 1 KiB. */
export async function storeSmall(subject: Subject, uploads: number): ReturnType<typeof inParallel> {
  return await inParallel(uploads, width, async () => {
    const headers = { 'content-type': 'application/json', 'content-length': 1024 }
    await callJson(subject, { method: 'POST', path: '/api/upload', headers, body: randomBytes(1024) })
  })
}

/** Many uploads of 1 KiB at the same time, each acknowledged only when it is durable. */
export async function benchSmall(): Promise<void> {
  await using subject = await startSubject()
  await storeSmall(subject, 1000)
  const limit = await durableFiles()
  const { perSecond, samples } = await storeSmall(subject, count)
  report(
    `uploads of 1 KiB, ${width} at a time`,
    `${Math.round(perSecond)}/s`,
    `${ratio(perSecond / limit)} of bare durable files (${Math.round(limit)}/s)`,
    {
      text: 'at least 800/s',
      met: perSecond >= 800,
    },
  )
  report(
    '  time to the acknowledgement',
    `p50 ${percentile(samples, 0.5).toFixed(0)} ms`,
    `p99 ${percentile(samples, 0.99).toFixed(0)} ms`,
  )
}
