import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtemp, rm, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { commPOfFile } from '../packages/commp/src/commp-of-file.ts'
import { commPOfStream } from '../packages/commp/src/commp-of-stream.ts'
import { fastestPairs } from '../packages/commp/src/native-pairs.ts'
import { goProgram } from '../test/setup/go-programs.ts'
import { checkout } from '../test/setup/server.ts'
import { sha256Speed } from './limits.ts'
import { mib, ratio, report } from './report.ts'

const run = promisify(execFile)

const MiB = 1024 * 1024
const rounds = 5
const roundBytes = 512 * MiB
const fileBytes = 1024 * MiB
/** A thread is slow until its code has been compiled, which takes it some 100 MiB. */
const largeFileBytes = 4 * fileBytes
const goals = { perThread: 0.24, twoThreads: 1.8 }

const chunk = randomBytes(MiB)

async function* bytesOf(length: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < length; at += MiB) yield chunk
}

/** Bytes a second of one run. */
async function speedOf(threads: number): Promise<number> {
  const startedAt = performance.now()
  await commPOfStream(bytesOf(roundBytes), { threads })
  return roundBytes / ((performance.now() - startedAt) / 1000)
}

/** Bytes a second of processor time, which is what `openssl speed` counts by too. */
async function speedOfProcessor(threads: number): Promise<number> {
  const before = process.cpuUsage()
  await commPOfStream(bytesOf(roundBytes), { threads })
  const { user, system } = process.cpuUsage(before)
  return roundBytes / ((user + system) / 1e6)
}

/** The best of some rounds each, taken in turn: whatever else runs on the machine slows all of them. */
async function best<K extends string>(measures: Record<K, () => Promise<number>>): Promise<Record<K, number>> {
  const found = Object.fromEntries(Object.keys(measures).map((key) => [key, 0])) as Record<K, number>
  for (let round = 0; round < rounds; round++) {
    for (const key of Object.keys(measures) as K[]) found[key] = Math.max(found[key], await measures[key]())
  }
  return found
}

/** Piece commitments: of memory and of a file, on one thread and two, and by the command, beside OpenSSL's sha256 and Go's `stream-commp`. */
export async function benchCommP(): Promise<void> {
  const { sha256, here, thread } = await best({
    sha256: sha256Speed,
    here: () => speedOfProcessor(0),
    thread: () => speedOfProcessor(1),
  })
  const beside = (speed: number) => `${ratio(speed / sha256)} of openssl sha256 (${mib(sha256)}/s)`
  const goal = (speed: number) => ({ text: `${goals.perThread}`, met: speed / sha256 >= goals.perThread })
  report(`CommP on the calling thread (${fastestPairs().name})`, `${mib(here)}/s of processor`, beside(here), goal(here))
  report('CommP on one thread of its own, and copying', `${mib(thread)}/s of processor`, beside(thread), goal(thread))
  await reportTwo('CommP of a stream on two threads', speedOf)
  const folder = await mkdtemp(join(tmpdir(), 'keepsake-commp-'))
  try {
    await benchFile(join(folder, 'file'), sha256)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Two threads beside one right before and right after, several times; the ratio in the middle, since machines are not equally fast for long. */
async function reportTwo(what: string, speedOfThreads: (threads: number) => Promise<number>): Promise<void> {
  const found: { ratio: number; speed: number }[] = []
  let before = await speedOfThreads(1)
  for (let round = 0; round < rounds; round++) {
    const speed = await speedOfThreads(2)
    const after = await speedOfThreads(1)
    found.push({ ratio: (2 * speed) / (before + after), speed })
    before = after
  }
  const sorted = found.toSorted((a, b) => a.ratio - b.ratio)
  const middle = sorted[Math.floor(rounds / 2)]!
  const range = `${ratio(sorted[0]!.ratio)} to ${ratio(sorted.at(-1)!.ratio)}`
  const goal = { text: `${goals.twoThreads}`, met: middle.ratio >= goals.twoThreads }
  report(what, `${mib(middle.speed)}/s`, `${ratio(middle.ratio)} of one (${range})`, goal)
}

async function benchFile(path: string, sha256: number): Promise<void> {
  await pipeline(Readable.from(bytesOf(largeFileBytes)), createWriteStream(path))
  const speedOfFile = async (threads: number) => {
    const startedAt = performance.now()
    await commPOfFile(path, { threads })
    return largeFileBytes / ((performance.now() - startedAt) / 1000)
  }
  await reportTwo('CommP of a file of 4 GiB on two threads', speedOfFile)
  await truncate(path, fileBytes)
  const timed = async (measure: () => Promise<string>) => {
    const startedAt = performance.now()
    const text = await measure()
    const speed = fileBytes / ((performance.now() - startedAt) / 1000)
    return { speed, cid: /baga6ea4sea[a-z2-7]+/.exec(text)?.[0] }
  }
  const cli = join(checkout, 'packages/cli/bin/keepsake.mjs')
  const ours = await timed(async () => (await run(process.execPath, [cli, 'piece', path])).stdout)
  report('keepsake piece, a file of 1 GiB', `${mib(ours.speed)}/s`, `${ratio(ours.speed / sha256)} of openssl sha256`)
  const streamCommP = await goProgram('stream-commp')
  if (streamCommP === undefined) return
  const theirs = await timed(() => piped(streamCommP, path))
  const same = theirs.cid === ours.cid ? 'the same piece CID' : `another piece CID: ${theirs.cid}`
  report(
    'stream-commp (Go), the same file',
    `${mib(theirs.speed)}/s`,
    `ours is ${ratio(ours.speed / theirs.speed)} of it, ${same}`,
  )
}

/** Everything a program says about a file on its standard input. */
async function piped(program: string, path: string): Promise<string> {
  const child = spawn(program, { stdio: ['pipe', 'pipe', 'pipe'] })
  const said: string[] = []
  for (const output of [child.stdout, child.stderr]) output.setEncoding('utf8').on('data', (text: string) => said.push(text))
  await pipeline(createReadStream(path, { highWaterMark: MiB }), child.stdin)
  await new Promise((resolve) => child.once('close', resolve))
  return said.join('')
}
