import { randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { watchMemory } from './memory.ts'
import { inParallel, mib, report } from './report.ts'
import type { Subject } from './subject.ts'
import { call, callJson, startSubject } from './subject.ts'
import { writeSample } from './upload.ts'

const MiB = 1024 * 1024
const largeBytes = 1024 * MiB
const smallFiles = 20_000
const smallBytes = 16 * 1024
const rangeBytes = 8 * MiB
const tinyRanges = 3000
const goalBytes = 300 * MiB
const packedWithinMs = 10 * 60_000

interface Stored {
  value: { cid: string }
}

interface Checked {
  value: { deals: { pieceCid: string }[] }
}

/** Waits until a content is in a validated aggregate; gives its piece CID. */
async function pieceOf(subject: Subject, cid: string): Promise<string> {
  for (const end = Date.now() + packedWithinMs; Date.now() < end; await sleep(500)) {
    const { value } = await callJson<Checked>(subject, { path: `/api/check/${cid}` })
    const [deal] = value.deals
    if (deal) return deal.pieceCid
  }
  throw new Error(`${cid} is in no aggregate after ${packedWithinMs / 60_000} minutes.`)
}

async function storeLarge(subject: Subject): Promise<string> {
  const path = join(subject.folder, 'file')
  await writeSample(path, largeBytes)
  const { size } = await stat(path)
  const headers = { 'content-type': 'application/octet-stream', 'content-length': size }
  const body = createReadStream(path, { highWaterMark: MiB })
  return (await callJson<Stored>(subject, { method: 'POST', path: '/api/upload', headers, body })).value.cid
}

async function storeSmall(subject: Subject): Promise<string[]> {
  const cids: string[] = []
  await inParallel(smallFiles, 64, async () => {
    const headers = { 'content-type': 'image/png', 'content-length': smallBytes }
    const body = randomBytes(smallBytes)
    cids.push((await callJson<Stored>(subject, { method: 'POST', path: '/api/upload', headers, body })).value.cid)
  })
  return cids
}

async function sizeOf(subject: Subject, pieceCid: string): Promise<number> {
  const { headers } = await fetch(`${subject.server.url}/piece/${pieceCid}`, { method: 'HEAD' })
  return Number(headers.get('content-length'))
}

/** Downloads all of a piece in ranges over so many connections; bytes a second. */
async function download(subject: Subject, pieceCid: string, sizeBytes: number, connections: number): Promise<number> {
  const startedAt = performance.now()
  await inParallel(Math.ceil(sizeBytes / rangeBytes), connections, async (index) => {
    const from = index * rangeBytes
    const to = Math.min(sizeBytes, from + rangeBytes)
    const { totalBytes } = await call(subject, {
      path: `/piece/${pieceCid}`,
      headers: { range: `bytes=${from}-${to - 1}` },
      discard: true,
    })
    if (totalBytes !== to - from) throw new Error(`Got ${totalBytes} bytes of ${to - from}.`)
  })
  return sizeBytes / ((performance.now() - startedAt) / 1000)
}

async function benchPiece(subject: Subject, what: string, pieceCid: string): Promise<void> {
  const sizeBytes = await sizeOf(subject, pieceCid)
  const memory = await watchMemory(subject.server.pid)
  const goal = (speed: number) => ({ text: 'at least 300 MiB/s', met: speed >= goalBytes })
  for (const connections of [1, 4]) {
    let best = 0
    for (let round = 0; round < 3; round++) best = Math.max(best, await download(subject, pieceCid, sizeBytes, connections))
    report(`piece of ${what}, by ranges of 8 MiB`, `${mib(best)}/s`, `${connections} at a time, ${mib(sizeBytes)}`, goal(best))
  }
  const { perSecond } = await inParallel(tinyRanges, 8, async () => {
    const from = Math.floor(Math.random() * (sizeBytes - 100))
    await call(subject, { path: `/piece/${pieceCid}`, headers: { range: `bytes=${from}-${from + 99}` } })
  })
  report('  ranges of 100 bytes anywhere', `${Math.round(perSecond)}/s`, '8 at a time')
  const { idleBytes, peakBytes } = memory.stop()
  report('  memory above idle', mib(peakBytes - idleBytes))
}

/** Serving pieces: of one large upload, and of many small ones, whose bytes lie each in a file of its own. */
export async function benchPieces(): Promise<void> {
  const env = {
    AGGREGATE_PROFILE: 'trial',
    AGGREGATE_TARGET_BYTES: '2000000000',
    AGGREGATE_SETTLE_SECONDS: '0',
    AGGREGATE_FORCE_SECONDS: '45',
  }
  await using subject = await startSubject(env)
  const large = await storeLarge(subject)
  await benchPiece(subject, 'one upload of 1 GiB', await pieceOf(subject, large))
  const cids = await storeSmall(subject)
  const pieces = new Map<string, number>()
  for (const cid of cids.filter((_, index) => index % 1000 === 0)) {
    const pieceCid = await pieceOf(subject, cid)
    pieces.set(pieceCid, await sizeOf(subject, pieceCid))
  }
  const [largest] = [...pieces].sort((a, b) => b[1] - a[1])[0]!
  await benchPiece(subject, `${smallFiles} uploads of 16 KiB`, largest)
}
