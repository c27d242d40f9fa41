import { openCarBlocks } from '@keepsake/client/car-blocks.ts'
import type { Connection } from '@keepsake/client/connection.ts'
import type { UnpackedEntry } from '@keepsake/client/unpack-dag.ts'
import { unpackDag } from '@keepsake/client/unpack-dag.ts'
import { checkCid } from '@keepsake/client/uploads.ts'
import { verifiedCar } from '@keepsake/client/verified-car.ts'
import { resolvePath } from '@keepsake/content/dag/resolve.ts'
import { isContentError } from '@keepsake/content/errors.ts'
import { formatBytes } from '@keepsake/terminal/sizes.ts'
import type { Command } from 'commander'
import type { ContentPath } from '../cid-argument.ts'
import { parseContentPath } from '../cid-argument.ts'
import { withConnection } from '../connect.ts'
import type { Context } from '../context.ts'
import { CommandError, UsageError } from '../failure.ts'
import { pour, targetOf, writeToStdout } from '../files/output.ts'
import type { Written } from '../files/write-entries.ts'
import { checkTarget, writeEntries, writeStream } from '../files/write-entries.ts'
import type { ServerOptions } from '../settings.ts'
import { withServerOptions } from '../settings.ts'

interface Options extends ServerOptions {
  output?: string
  force?: boolean
  car?: boolean
}

async function* entriesOf(
  connection: Connection,
  { cid, path }: ContentPath,
  { signal, progress }: Context,
): AsyncGenerator<UnpackedEntry> {
  await using blocks = await openCarBlocks(connection, cid, {
    path,
    signal,
    onProgress: (received) => progress.update(received),
    onBroken: (reason) => progress.note(`${reason}; the rest is fetched block by block.`),
  })
  try {
    const found = await resolvePath(blocks, cid, path, { signal })
    if (found.remainder.length > 0)
      throw new CommandError(`${[cid, ...path].join('/')} is a value inside ${found.cid}, not a file.`)
    yield* unpackDag(blocks, found.cid, found.bytes)
  } catch (error) {
    if (!isContentError(error, 'UNSUPPORTED_CODEC')) throw error
    throw new CommandError(
      `${[cid, ...path].join('/')} is data, not a file or directory. Name a path inside it, or fetch it whole with --car.`,
      {
        cause: error,
      },
    )
  }
}

/** Shown while fetching; the public answer to `check` knows it for whole contents. */
async function expectedBytes(
  connection: Connection,
  { cid, path }: ContentPath,
  { signal }: Context,
): Promise<number | undefined> {
  if (path.length > 0 || !process.stderr.isTTY) return undefined
  const known = await checkCid({ ...connection, maxAttempts: 1 }, cid.toString(), { signal }).catch(() => undefined)
  signal.throwIfAborted()
  return known?.pin.size ?? undefined
}

async function fetchTo(
  connection: Connection,
  content: ContentPath,
  options: Options,
  context: Context,
): Promise<Written | undefined> {
  const { signal, progress } = context
  const onProgress = (received: number) => progress.update(received)
  const car = () => verifiedCar(connection, content.cid, { signal, onProgress })
  if (options.output === '-') {
    await (options.car ? pour(car()) : writeToStdout(entriesOf(connection, content, context)))
    return undefined
  }
  const write = { target: await targetOf(content, options), force: options.force ?? false, signal }
  await checkTarget(write)
  progress.begin('Fetching', await expectedBytes(connection, content, context))
  const written = options.car
    ? await writeStream(car(), write)
    : await writeEntries(entriesOf(connection, content, context), write)
  progress.end()
  const files = written.files === 1 ? '1 file' : `${written.files} files`
  process.stderr.write(`${write.target}: ${files}, ${formatBytes(written.bytes)}, every block verified.\n`)
  if (written.links > 0) process.stderr.write(`Symbolic links in it were left out: ${written.links}.\n`)
  return written
}

async function get(context: Context, text: string, options: Options): Promise<void> {
  const content = parseContentPath(text)
  if (options.car && content.path.length > 0) throw new UsageError('With --car give a CID alone: a CAR has a whole DAG.')
  if (options.output !== '-') await checkTarget({ target: await targetOf(content, options), force: options.force ?? false })
  await withConnection(context, options, { key: false }, (connection) => fetchTo(connection, content, options, context))
}

export function addGet(program: Command, context: Context): void {
  withServerOptions(program.command('get'))
    .description('fetch a file or directory, every block verified (needs no key)')
    .argument('<cid[/path]>', 'a CID, or a path below one')
    .option('-o, --output <path>', 'where to write, or - for standard output (default: the last name of the path, or the CID)')
    .option('--force', 'replace what is there')
    .option('--car', 'write a CAR with the whole DAG')
    .addHelpText(
      'after',
      `
What is fetched gets its name when all of it is there and verified; until then nothing is to be seen under it. Any gateway that
speaks the Trustless Gateway specification will do as --endpoint.

Examples:
  $ keepsake get bafy...
  $ keepsake get bafy.../1.json -o - | jq .name
  $ keepsake get bafy... --car -o backup.car
  $ keepsake get bafy... --endpoint https://ipfs.io`,
    )
    .action((content: string, options: Options) => get(context, content, options))
}
