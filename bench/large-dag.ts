import { execFile } from 'node:child_process'
import { createCipheriv } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { Aggregate } from '../packages/api/src/aggregates.ts'
import { commPOfStream } from '../packages/commp/src/commp-of-stream.ts'
import type { Block } from '../packages/content/src/block.ts'
import { decodeCar } from '../packages/content/src/car/decode.ts'
import { encodeCarHeader, encodeSectionPrefix } from '../packages/content/src/car/encode.ts'
import { verifyBlock } from '../packages/content/src/hash/verify.ts'
import { pieceCidV1 } from '../packages/content/src/piece/piece-cid.ts'
import { packFile } from '../packages/content/src/unixfs/file.ts'
import { byteChannel } from '../packages/server/src/aggregates/byte-channel.ts'
import { watchMemory } from './memory.ts'
import { mib, report } from './report.ts'
import { call, callJson, type Subject, startSubject } from './subject.ts'

const MiB = 1024 * 1024
const GiB = 1024 * MiB
const pollMs = 1000
const packedWithinMs = 60 * 60_000

/** Bytes that are the same each time and contain no block twice: AES-256-CTR of zeros. */
async function* fileOf(bytes: number): AsyncGenerator<Uint8Array> {
  const cipher = createCipheriv('aes-256-ctr', Buffer.alloc(32, 1), Buffer.alloc(16))
  const zeros = Buffer.alloc(MiB)
  for (let left = bytes; left > 0; left -= MiB) yield cipher.update(left < MiB ? zeros.subarray(0, left) : zeros)
}

interface Made {
  root: Block
  /** Names of all blocks. */
  names: Set<string>
}

const nameOf = ({ cid }: Pick<Block, 'cid'>) => Buffer.from(cid.multihash.digest).toString('latin1')

async function make(bytes: number): Promise<Made> {
  const names = new Set<string>()
  let root: Block | undefined
  for await (const block of packFile(fileOf(bytes))) {
    names.add(nameOf(block))
    root = block
  }
  if (!root) throw new Error('A file has at least one block.')
  return { root, names }
}

/** The DAG in CARs of 1 GiB, each with the root in front. */
async function sendInParts(subject: Subject, bytes: number, { root }: Made): Promise<number> {
  const blocks = packFile(fileOf(bytes))
  let next = await blocks.next()
  let parts = 0
  const part = async function* () {
    yield encodeCarHeader([root.cid])
    yield Buffer.concat([encodeSectionPrefix(root.cid, root.bytes.length), root.bytes])
    for (let size = 0; !next.done && size < GiB; next = await blocks.next()) {
      const { cid, bytes } = next.value
      yield encodeSectionPrefix(cid, bytes.length)
      yield bytes
      size += bytes.length
    }
  }
  for (; !next.done; parts++) {
    const headers = { 'content-type': 'application/vnd.ipld.car' }
    await callJson(subject, { method: 'POST', path: '/api/upload', headers, body: part() })
  }
  return parts
}

/** Waits until nothing is on its way any more; gives the aggregates. */
async function packed(subject: Subject, cid: string): Promise<Aggregate[]> {
  const list = async () => {
    const cli = join(import.meta.dirname, '../packages/cli/bin/keepsake.mjs')
    const env = { ...process.env, DATA_DIR: subject.server.dataDir }
    const { stdout } = await promisify(execFile)(process.execPath, [cli, 'aggregates', 'list', '--json'], { env })
    return (JSON.parse(stdout) as { aggregates: Aggregate[] }).aggregates
  }
  for (const end = Date.now() + packedWithinMs; Date.now() < end; await sleep(pollMs)) {
    const { value } = await callJson<{ value: { deals: unknown[] } }>(subject, { path: `/api/check/${cid}` })
    if (value.deals.length > 0) return await list()
  }
  throw new Error(`Not packed after ${packedWithinMs / 60_000} minutes: ${JSON.stringify(await list())}`)
}

/** Downloads a piece, computes its commitment, and takes the blocks in it off `missing`, each checked. */
async function readBack(subject: Subject, pieceCid: string, missing: Set<string>): Promise<void> {
  const response = await fetch(`${subject.server.url}/piece/${pieceCid}`)
  if (!response.ok || !response.body) throw new Error(`The piece answered ${response.status}.`)
  const channel = byteChannel()
  const computing = commPOfStream(channel)
  const { blocks } = await decodeCar(response.body, { onPayload: (chunk) => channel.push(chunk) })
  for await (const block of blocks) {
    await verifyBlock(block.cid, block.bytes)
    missing.delete(nameOf(block))
  }
  channel.end()
  const { piece } = await computing
  if (pieceCidV1(piece).toString() !== pieceCid) throw new Error(`The piece is ${pieceCidV1(piece)}, not ${pieceCid}.`)
}

async function readRange(subject: Subject, cid: string, from: number, bytes: number): Promise<void> {
  const headers = { range: `bytes=${from}-${from + bytes - 1}` }
  const { status, body } = await call(subject, { path: `/ipfs/${cid}`, headers })
  const cipher = createCipheriv('aes-256-ctr', Buffer.alloc(32, 1), counterAt(from))
  const expected = cipher.update(Buffer.alloc(bytes))
  if (status !== 206 || !body.equals(expected)) throw new Error(`The gateway answered ${status}, and not the bytes at ${from}.`)
}

/** Of AES-CTR, whose counter is that of blocks of 16 bytes. */
function counterAt(offset: number): Buffer {
  const counter = Buffer.alloc(16)
  counter.writeBigUInt64BE(BigInt(offset / 16), 8)
  return counter
}

const secondsBetween = (from: string | null, to: string | null) => (Date.parse(to ?? '') - Date.parse(from ?? '')) / 1000

/** One DAG that no piece has room for: uploaded in parts, packed into sectors, and got back whole from the pieces alone. */
export async function benchLargeDag(args: string[]): Promise<void> {
  const gib = args.includes('--gib') ? Number(args[args.indexOf('--gib') + 1]) : 64
  const bytes = gib * GiB
  await using subject = await startSubject({
    AGGREGATE_PROFILE: 'sector-32gib',
    AGGREGATE_SETTLE_SECONDS: '1',
    AGGREGATE_FORCE_SECONDS: '5',
    LOG_LEVEL: 'warn',
  })
  const made = await make(bytes)
  const cid = made.root.cid.toString()
  const timed = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    const memory = await watchMemory(subject.server.pid)
    const startedAt = performance.now()
    const result = await work()
    const seconds = (performance.now() - startedAt) / 1000
    const { idleBytes, peakBytes } = memory.stop()
    report(what, `${seconds.toFixed(0)} s, ${mib(bytes / seconds)}/s`, `memory ${mib(idleBytes)} to ${mib(peakBytes)}`)
    return result
  }
  const parts = await timed(`${gib} GiB, ${made.names.size} blocks, uploaded`, () => sendInParts(subject, bytes, made))
  const aggregates = await timed(`  packed, after ${parts} CARs`, () => packed(subject, cid))
  for (const { id, sizeBytes, closedAt, validatedAt } of aggregates)
    report(
      `  aggregate ${id}, ${mib(sizeBytes)}`,
      `right ${secondsBetween(closedAt, validatedAt).toFixed(0)} s after it was closed`,
    )
  for (const from of [0, bytes / 2 + 16, bytes - MiB]) await readRange(subject, cid, from, MiB)
  const missing = new Set(made.names)
  await timed('  got back from the pieces, all verified', async () => {
    for (const { pieceCid } of aggregates) await readBack(subject, pieceCid as string, missing)
  })
  report('  blocks that are in no piece', String(missing.size), '', { text: 'none', met: missing.size === 0 })
  const proof = await call(subject, { path: `/api/proof/${cid}` })
  report('  proof', `${proof.status}, ${proof.body.length} bytes`)
}
