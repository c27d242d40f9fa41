import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, isAbsolute, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { StorageProviders } from '@keepsake/api/storage-providers.ts'
import type { Connection } from '@keepsake/client/connection.ts'
import { getStorageProviders, getTimeline, getUpload } from '@keepsake/client/uploads.ts'
import type { Context } from '../context.ts'
import { CommandError, messageOf } from '../failure.ts'
import { nodeFlags } from '../server-process.ts'
import { downloadPiece, type Holder, holdersOf } from './give-back.ts'
import type { CommandRecord, RunRecord, StageRecord } from './run-record.ts'
import { countOf, type StageName, stageTexts, type WaitedStage, waitedFor } from './stages.ts'

export interface Flow {
  /** What to store; a new file of 64 KiB where it is undefined. */
  path: string | undefined
  /** Deals to wait for. */
  replicas: number
  /** Of the whole run. */
  timeoutMs: number
  /** A Filecoin node to ask for the deals, beside what the server says of them. */
  filecoinRpc: string | undefined
}

const sampleBytes = 64 * 1024
const pollMs = 500

/** Ends a run: the stage it came to does not go on. */
class StageError extends Error {}

/**
 * Goes the whole way as a person would who has nothing but the command line: stores a file, waits until storage providers prove that they have it,
 * fetches it back, and checks the proof. A stage that fails ends the run, and the record says which and why; nothing is thrown for that.
 */
export async function playFlow(context: Context, connection: Connection, flow: Flow): Promise<RunRecord> {
  const folder = await mkdtemp(join(tmpdir(), 'keepsake-dealflow-'))
  try {
    return await play(context, connection, { ...flow, folder })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function play(context: Context, connection: Connection, flow: Flow & { folder: string }): Promise<RunRecord> {
  const path = flow.path ?? join(flow.folder, 'sample.bin')
  if (flow.path === undefined) await writeFile(path, randomBytes(sampleBytes))
  const stored = await digestOf(path)
  const network = await networkOf(connection, context)
  const begunAt = performance.now()
  const stages: StageRecord[] = []
  const commands: CommandRecord[] = []
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(flow.timeoutMs)])
  const run = (args: readonly string[]) => runCommand(args, { context, connection, signal, commands })
  const chainArgs = flow.filecoinRpc === undefined ? [] : ['--filecoin-rpc', flow.filecoinRpc]
  let cid: string | null = null
  let holder: Holder | undefined

  const work: Record<StageName, () => Promise<unknown>> = {
    async store() {
      cid = (await run(['store', path])).trim()
    },
    ...(Object.fromEntries(
      waitedFor.map((stage) => [stage, () => waitFor(stage, { connection, signal, cid: cid as string, flow })]),
    ) as Record<WaitedStage, () => Promise<void>>),
    async retrieve() {
      holder = await chooseHolder(connection, cid as string, signal)
      const target = join(flow.folder, 'fetched')
      await run(['get', cid as string, '-o', target, '--endpoint', holder.url])
      if ((await digestOf(target)) !== stored) throw new StageError(`What ${holder.provider} gave back is not what was stored.`)
    },
    async extract() {
      const { provider, url, pieceCids } = holder as Holder
      const [pieceCid, ...others] = pieceCids
      if (others.length > 0)
        throw new StageError(`It lies in ${pieceCids.length} pieces: there is none to take all of it out of.`)
      const [piece, target] = [join(flow.folder, 'piece'), join(flow.folder, 'extracted')]
      await downloadPiece({ provider, url }, pieceCid as string, piece, signal)
      await run(['extract', piece, cid as string, '-o', target])
      if ((await digestOf(target)) !== stored) throw new StageError(`What is in the piece of ${provider} is not what was stored.`)
    },
    verify: () => run(['verify', cid as string, '--gateway', (holder as Holder).url, ...chainArgs]),
  }
  let outcome: RunRecord['outcome'] = 'done'
  for (const [stage, step] of Object.entries(work) as [StageName, () => Promise<unknown>][]) {
    context.progress.begin(stageTexts[stage], undefined)
    const before = performance.now()
    const failure = await step().then(
      () => undefined,
      (error: unknown) => error,
    )
    context.signal.throwIfAborted()
    const now = performance.now()
    const times = { atMs: Math.round(now - begunAt), tookMs: Math.round(now - before) }
    if (failure !== undefined) {
      outcome = 'failed'
      stages.push({ stage, outcome, ...times, reason: reasonOf(failure, signal, flow) })
      break
    }
    stages.push({ stage, outcome: 'done', ...times })
  }
  context.progress.end()
  return {
    startedAt: new Date(Date.now() - Math.round(performance.now() - begunAt)).toISOString(),
    endpoint: connection.endpoint,
    isDevnet: network?.isDevnet ?? false,
    network: network?.network ?? null,
    replicas: flow.replicas,
    bytes: (await stat(path)).size,
    cid,
    retrievedFrom: holder?.provider ?? null,
    outcome,
    stages,
    commands,
    timeToDealMs: stages.find(({ stage, outcome: how }) => stage === 'activate' && how === 'done')?.atMs ?? null,
  }
}

/** One of those that have it in a sector, by chance: over the runs all of them are asked. */
async function chooseHolder(connection: Connection, cid: string, signal: AbortSignal): Promise<Holder> {
  const [{ deals }, { providers }] = await Promise.all([
    getUpload(connection, cid, { signal }),
    getStorageProviders(connection, { signal }),
  ])
  const holders = holdersOf(deals, providers)
  const holder = holders[Math.floor(Math.random() * holders.length)]
  if (!holder) throw new StageError('Of none of the storage providers that have it is it known where they give it back.')
  return holder
}

/** However large the file is. */
async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}

function reasonOf(error: unknown, signal: AbortSignal, { timeoutMs }: Flow): string {
  if (signal.aborted) return `Not within the ${timeoutMs / 1000} seconds of a run.`
  return error instanceof StageError ? error.message : messageOf(error)
}

/** An older server, or one without Filecoin, has none. */
async function networkOf(connection: Connection, { signal }: Context): Promise<StorageProviders | undefined> {
  return await getStorageProviders(connection, { signal }).catch(() => undefined)
}

async function waitFor(
  stage: WaitedStage,
  { connection, signal, cid, flow }: { connection: Connection; signal: AbortSignal; cid: string; flow: Flow },
): Promise<void> {
  for (;;) {
    const [{ deals }, { steps }] = await Promise.all([
      getUpload(connection, cid, { signal }),
      getTimeline(connection, cid, { signal }),
    ])
    if (countOf(stage, { deals, steps }) >= (stage === 'batch' ? 1 : flow.replicas)) return
    await sleep(pollMs, undefined, { signal })
  }
}

const main = fileURLToPath(new URL('../main.ts', import.meta.url))

/** Runs this very command line as a process of its own, as a person does, and gives what it printed. */
async function runCommand(
  args: readonly string[],
  {
    context,
    connection,
    signal,
    commands,
  }: { context: Context; connection: Connection; signal: AbortSignal; commands: CommandRecord[] },
): Promise<string> {
  const env = { ...context.env, KEEPSAKE_ENDPOINT: connection.endpoint, KEEPSAKE_KEY: connection.key ?? '' }
  const begunAt = performance.now()
  const { code, stdout, stderr } = await new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    execFile(process.execPath, [...nodeFlags, main, ...args], { env, signal }, (error, out, said) => {
      const exitCode = error === null ? 0 : typeof error.code === 'number' ? error.code : 1
      resolve({ code: exitCode, stdout: out, stderr: said })
    })
  })
  const shown = args.map((arg) => (isAbsolute(arg) ? basename(arg) : arg)).join(' ')
  commands.push({ line: `keepsake ${shown}`, exitCode: code, durationMs: Math.round(performance.now() - begunAt) })
  if (code !== 0) throw new CommandError(`keepsake ${args[0]} ended with ${code}: ${stderr.trim().slice(-500)}`)
  return stdout
}
