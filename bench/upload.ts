import { createReadStream, createWriteStream } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { encodeCarHeader, encodeSectionPrefix } from '../packages/content/src/car/encode.ts'
import { packFile } from '../packages/content/src/unixfs/file.ts'
import { kuboAdd } from './kubo.ts'
import { diskSpeed, sha256Speed } from './limits.ts'
import { watchMemory } from './memory.ts'
import { mib, ratio, report } from './report.ts'
import type { Subject } from './subject.ts'
import { callJson, startSubject } from './subject.ts'

const MiB = 1024 * 1024
const GiB = 1024 * MiB
const runs = 3

/** Bytes no file system and no deduplication can shrink, quickly: one random MiB, its first bytes counted up. */
export async function writeSample(path: string, bytes: number): Promise<void> {
  const block = Buffer.alloc(MiB)
  crypto.getRandomValues(new Uint8Array(block.buffer, block.byteOffset, 65_536))
  for (let at = 65_536; at < MiB; at += 65_536) block.copy(block, at, 0, 65_536)
  const file = await open(path, 'w')
  for (let at = 0; at < bytes; at += MiB) {
    for (let chunk = 0; chunk < MiB; chunk += 65_536) block.writeBigUInt64LE(BigInt(at + chunk + 1), chunk)
    await file.write(block)
  }
  await file.sync()
  await file.close()
}

/** A CAR of the file as a client sends it: its root in the header, its blocks behind. */
async function writeCar(source: string, target: string): Promise<void> {
  const pack = () => packFile(createReadStream(source, { highWaterMark: MiB }))
  let packed = pack()
  let next = await packed.next()
  while (!next.done) next = await packed.next()
  const { cid } = next.value
  packed = pack()
  const sections = async function* () {
    yield encodeCarHeader([cid])
    for await (const block of packed) {
      yield encodeSectionPrefix(block.cid, block.bytes.byteLength)
      yield block.bytes
    }
  }
  await pipeline(
    Readable.from(sections(), { objectMode: true, highWaterMark: 8 }),
    createWriteStream(target, { highWaterMark: 4 * MiB }),
  )
}

async function upload(subject: Subject, path: string, type: string): Promise<number> {
  const { size } = await stat(path)
  const startedAt = performance.now()
  await callJson(subject, {
    method: 'POST',
    path: '/api/upload',
    headers: { 'content-type': type, 'content-length': size },
    body: createReadStream(path, { highWaterMark: MiB }),
  })
  return size / ((performance.now() - startedAt) / 1000)
}

async function measure(subject: Subject, what: string, path: string, type: string, hashSpeed: number): Promise<void> {
  const { size } = await stat(path)
  const memory = await watchMemory(subject.server.pid)
  let best = { ratio: 0, speed: 0, disk: 0, limit: 0 }
  for (let run = 0; run < runs; run++) {
    const disk = await diskSpeed(path, subject.folder, size)
    const speed = await upload(subject, path, type)
    const limit = Math.min(0.3 * hashSpeed, 0.8 * disk)
    if (speed / limit > best.ratio) best = { ratio: speed / limit, speed, disk, limit }
  }
  const { idleBytes, peakBytes } = memory.stop()
  report(what, `${mib(best.speed)}/s`, `${ratio(best.speed / hashSpeed)} of sha256, ${ratio(best.speed / best.disk)} of dd`, {
    text: `${ratio(best.ratio)} of the lesser of 0.30 sha256 and 0.8 dd`,
    met: best.ratio >= 1,
  })
  report(`  memory above idle (${mib(idleBytes)})`, mib(peakBytes - idleBytes), '', {
    text: 'at most 300 MiB',
    met: peakBytes - idleBytes <= 300 * MiB,
  })
}

/** One large file and one large CAR; with `--huge` also 8 GiB. */
export async function benchUpload(args: string[]): Promise<void> {
  await using subject = await startSubject()
  const hashSpeed = await sha256Speed()
  report('openssl sha256, one core', `${mib(hashSpeed)}/s`)
  const file = join(subject.folder, 'file')
  const car = join(subject.folder, 'file.car')
  await writeSample(file, GiB)
  await measure(subject, 'upload a file of 1 GiB', file, 'application/octet-stream', hashSpeed)
  const kubo = await kuboAdd(file, subject.folder)
  if (kubo) report('  the same: ipfs add', `${mib(GiB / kubo.seconds)}/s`)
  await writeCar(file, car)
  await measure(subject, 'upload a CAR of 1 GiB', car, 'application/vnd.ipld.car', hashSpeed)
  if (!args.includes('--huge')) return
  await writeSample(file, 8 * GiB)
  await measure(subject, 'upload a file of 8 GiB', file, 'application/octet-stream', hashSpeed)
}
