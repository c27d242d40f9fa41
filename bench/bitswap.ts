import { openAsBlob } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { goProgram } from '../test/setup/go-programs.ts'
import type { Kubo } from '../test/setup/kubo.ts'
import { startKubo } from '../test/setup/kubo.ts'
import { peerOf, quietPeer } from '../test/setup/peer.ts'
import { mib, ratio, report } from './report.ts'
import type { Subject } from './subject.ts'
import { callJson, startSubject } from './subject.ts'
import { writeSample } from './upload.ts'

const MiB = 1024 * 1024
const goalBytesPerSecond = 50 * MiB
const runs = 2
const idleSeconds = 30
const idleConnections = 10

/** Seconds of processor time and bytes of memory of a process. Linux only. */
async function usageOf(pid: number): Promise<{ cpuSeconds: number; memoryBytes: number }> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /, '').split(' ')
  const ticksPerSecond = 100
  const pageBytes = 4096
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond,
    memoryBytes: Number(fields[21]) * pageBytes,
  }
}

/** Bytes a second at which a new Kubo node fetches a whole DAG from whoever is at `address`. */
async function fetchSpeed(program: string, address: string, cid: string, bytes: number): Promise<number> {
  await using node = await startKubo(program)
  await node.connect(address)
  const startedAt = performance.now()
  await (await node.rpc('pin/add', { arg: cid })).arrayBuffer()
  return bytes / ((performance.now() - startedAt) / 1000)
}

/** Has Kubo cut the file, and gives the same blocks to us as a CAR. */
async function store(subject: Subject, source: Kubo, path: string, chunkBytes: number): Promise<string> {
  const form = new FormData()
  form.append('file', await openAsBlob(path))
  const options = { chunker: `size-${chunkBytes}`, 'raw-leaves': true, 'cid-version': 1, quieter: true }
  const { Hash: cid } = await source.rpcJson<{ Hash: string }>('add', options, form)
  const car = await source.rpc('dag/export', { arg: cid, progress: false })
  await callJson(subject, {
    method: 'POST',
    path: '/api/upload',
    headers: { 'content-type': 'application/vnd.ipld.car' },
    body: car.body as unknown as AsyncIterable<Uint8Array>,
  })
  return cid
}

async function benchTransfer(subject: Subject, program: string, bytes: number, chunkBytes: number): Promise<void> {
  const path = join(subject.folder, `file-${chunkBytes}`)
  await writeSample(path, bytes)
  await using source = await startKubo(program)
  const cid = await store(subject, source, path, chunkBytes)
  const { peerAddress, peerPid } = await peerOf(subject.server)
  let best = { ours: 0, theirs: 0, cpuSeconds: 0 }
  for (let run = 0; run < runs; run++) {
    const theirs = await fetchSpeed(program, source.address, cid, bytes)
    const before = await usageOf(peerPid)
    const ours = await fetchSpeed(program, peerAddress, cid, bytes)
    const { cpuSeconds } = await usageOf(peerPid)
    if (ours > best.ours) best = { ours, theirs, cpuSeconds: cpuSeconds - before.cpuSeconds }
  }
  const what = `bitswap to Kubo: ${mib(bytes)}, blocks of ${chunkBytes / 1024} KiB`
  report(what, `${mib(best.ours)}/s`, `${ratio(best.ours / best.theirs)} of Kubo to Kubo (${mib(best.theirs)}/s)`, {
    text: 'at least 50 MiB/s',
    met: best.ours >= goalBytesPerSecond,
  })
  const { memoryBytes } = await usageOf(peerPid)
  report('  processor time of the peer, memory after it', `${best.cpuSeconds.toFixed(1)} s, ${mib(memoryBytes)}`)
}

async function benchIdle(program: string | undefined): Promise<void> {
  await using subject = await startSubject(quietPeer)
  const { peerAddress, peerPid } = await peerOf(subject.server)
  await using stack = new AsyncDisposableStack()
  if (program) {
    const nodes = await Promise.all(Array.from({ length: idleConnections }, () => startKubo(program)))
    for (const node of nodes) stack.use(node)
    for (const node of nodes) await node.connect(peerAddress)
  }
  await sleep(20_000)
  const before = await usageOf(peerPid)
  await sleep(idleSeconds * 1000)
  const after = await usageOf(peerPid)
  const share = (after.cpuSeconds - before.cpuSeconds) / idleSeconds
  report(`peer, idle with ${program ? idleConnections : 'no'} connections`, `${(share * 100).toFixed(1)} % of a core`, '', {
    text: 'under 3 %',
    met: share < 0.03,
  })
  report('  memory', mib(after.memoryBytes), '', { text: 'under 200 MiB', met: after.memoryBytes < 200 * MiB })
}

/** `--mib N` transfers N MiB instead of 1024. */
export async function benchBitswap(args: readonly string[]): Promise<void> {
  const program = await goProgram('kubo')
  await benchIdle(program)
  if (!program) return
  const bytes = Number(args[args.indexOf('--mib') + 1] ?? 1024) * MiB || 1024 * MiB
  await using subject = await startSubject(quietPeer)
  for (const chunkBytes of [MiB, 256 * 1024]) await benchTransfer(subject, program, bytes, chunkBytes)
}
