import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Nft } from '@keepsake/api/nft.ts'
import type { Connection } from '@keepsake/client/connection.ts'
import { defaultPartBytes, refuseOtherCid, sendDag, surveyDag } from '@keepsake/client/send-dag.ts'
import { checkCid, checkKey, uploadCar } from '@keepsake/client/uploads.ts'
import { decodeCar } from '@keepsake/content/car/decode.ts'
import { isContentError } from '@keepsake/content/errors.ts'
import type { Command } from 'commander'
import { InvalidArgumentError } from 'commander'
import type { CID } from 'multiformats/cid'
import { withConnection } from '../connect.ts'
import type { Context } from '../context.ts'
import { print, printJson } from '../context.ts'
import { CommandError, describeFileError, UsageError } from '../failure.ts'
import { packPlan } from '../files/pack.ts'
import { planPaths } from '../files/plan.ts'
import type { ServerOptions } from '../settings.ts'
import { withServerOptions } from '../settings.ts'

interface Options extends ServerOptions {
  wrap?: boolean
  hidden?: boolean
  name?: string
  car?: boolean
  partSize: number
  json?: boolean
}

const MiB = 1024 * 1024

/** A refusal of more than this may get lost: the server closes while much is still on its way. So the key is tried first. */
const largeBytes = MiB

/** How long to wait for a DAG in several parts to be found complete; it is stored by then, this only says so. */
const settleMs = 30_000

async function storeFiles(context: Context, paths: readonly string[], options: Options): Promise<Nft> {
  const { signal, progress } = context
  const plan = await planPaths(paths, { ...options, signal })
  for (const line of plan.leftOut) progress.note(line)
  const open = (onProgress?: (readBytes: number) => void) => () => packPlan(plan, { signal, onProgress })
  return await withConnection(context, options, { key: true }, async (connection) => {
    progress.begin('Reading', plan.totalBytes)
    const survey = await surveyDag(
      open((read) => progress.update(read)),
      { maxPartBytes: options.partSize * MiB, signal },
    )
    if (survey.carBytes > largeBytes) await checkKey(connection, { signal })
    progress.begin('Storing', survey.carBytes)
    const name = options.name ?? (plan.root.name || undefined)
    const answer = await sendDag(connection, survey, open(), { name, signal, onProgress: (sent) => progress.update(sent) })
    if (survey.parts.length > 1) await settle(connection, survey.cid, context)
    return answer
  })
}

/** Parts come in one by one; the server then looks whether they are a whole. */
async function settle(connection: Connection, cid: CID, { signal, progress }: Context): Promise<void> {
  const end = Date.now() + settleMs
  for (let waitMs = 100; Date.now() < end; waitMs = Math.min(waitMs * 2, 2000)) {
    const { pin } = await checkCid(connection, cid.toString(), { signal })
    if (pin.status === 'pinned') return
    await sleep(waitMs, undefined, { signal })
  }
  progress.note(`All parts are stored; the server is still looking whether they are complete. See: keepsake status ${cid}`)
}

async function storeCar(context: Context, path: string, options: Options, root: CID): Promise<Nft> {
  const { signal, progress } = context
  const sizeBytes = (await stat(path)).size
  return await withConnection(context, options, { key: true }, async (connection) => {
    if (sizeBytes > largeBytes) await checkKey(connection, { signal })
    progress.begin('Storing', sizeBytes)
    const open = () => readCounted(path, sizeBytes, (read) => progress.update(read))
    const answer = await uploadCar(connection, { open, sizeBytes, name: options.name ?? basename(path) }, { signal })
    refuseOtherCid(root, answer)
    return answer
  })
}

async function* readCounted(path: string, sizeBytes: number, onRead: (readBytes: number) => void): AsyncGenerator<Uint8Array> {
  let read = 0
  for await (const chunk of createReadStream(path, { highWaterMark: MiB })) {
    read += (chunk as Buffer).length
    if (read > sizeBytes) break
    yield chunk as Buffer
    onRead(read)
  }
  if (read !== sizeBytes) throw new CommandError(`${path} changed while it was being stored; nothing was stored.`)
}

/** The root of a CAR file. @throws ContentError `INVALID_CAR` */
async function rootOfCar(path: string): Promise<CID> {
  let roots: CID[]
  try {
    await using car = await decodeCar(createReadStream(path))
    roots = car.roots
  } catch (error) {
    throw isContentError(error) ? error : describeFileError(error, path)
  }
  const [root] = roots
  if (root === undefined || roots.length > 1)
    throw new CommandError(`${path} is a CAR with ${roots.length} roots; one with exactly one root can be stored.`)
  return root
}

/** The root of what is to be sent as a CAR; undefined where the paths are files to be packed. */
async function asCar(paths: readonly string[], { car }: Options, { progress }: Context): Promise<CID | undefined> {
  const [path = ''] = paths
  if (car && paths.length > 1) throw new UsageError('With --car there is one path: a CAR file.')
  const isCandidate = car ?? (paths.length === 1 && path.toLowerCase().endsWith('.car'))
  if (!isCandidate) return undefined
  try {
    const root = await rootOfCar(path)
    if (!car) progress.note(`${path} is sent as the CAR it is: what it holds is stored. (--no-car stores the file itself.)`)
    return root
  } catch (error) {
    if (!isContentError(error, 'INVALID_CAR')) throw error
    if (car) throw new CommandError(`${path} is not a CAR: ${error.message}.`, { cause: error })
    progress.note(`${path} is called a CAR and is none; the file itself is stored.`)
    return undefined
  }
}

async function store(context: Context, paths: readonly string[], options: Options): Promise<void> {
  if (paths.includes('-'))
    throw new UsageError('Standard input cannot be stored: it can be read only once. Write it to a file first.')
  const carRoot = await asCar(paths, options, context)
  const upload = carRoot
    ? await storeCar(context, resolve(paths[0]!), options, carRoot)
    : await storeFiles(context, paths, options)
  context.progress.end()
  await (options.json ? printJson(upload) : print(upload.cid))
}

function parsePartSize(text: string): number {
  const size = Number(text)
  if (!/^\d+$/.test(text) || size < 1) throw new InvalidArgumentError('Expected a whole number of MiB from 1 on.')
  return size
}

export function addStore(program: Command, context: Context): void {
  withServerOptions(program.command('store'))
    .description('store files and directories, print the CID')
    .argument('<path...>', 'one file, one directory, or several of either, which become one directory')
    .option('--wrap', 'put a single file (or directory) into a directory, so that its name is kept')
    .option('--hidden', 'also take what begins with a dot')
    .option('--name <name>', 'what it is called in your list (default: the name of the path)')
    .option('--car', 'send the path as the CAR it is (default for *.car)')
    .option('--no-car', 'store a .car file as a file')
    .option('--part-size <MiB>', 'send more than this in several parts', parsePartSize, defaultPartBytes / MiB)
    .option('--json', 'print what the server answers as JSON')
    .addHelpText(
      'after',
      `
The CID is computed here before anything is sent, and what the server answers is held against it. Files are read twice and never
held in memory, whatever their size. Links inside a directory are followed only where they stay inside it.

Examples:
  $ keepsake store art.png
  $ keepsake store art.png --wrap
  $ keepsake store images/ metadata/ --name "Drop 1"
  $ CID=$(keepsake store ./collection)`,
    )
    .action((paths: string[], options: Options) => store(context, paths, options))
}
