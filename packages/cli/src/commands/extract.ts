import { type UnpackedEntry, unpackDag } from '@keepsake/client/unpack-dag.ts'
import type { Block } from '@keepsake/content/block.ts'
import { dagCar } from '@keepsake/content/car/dag-stream.ts'
import { resolvePath } from '@keepsake/content/dag/resolve.ts'
import { isContentError } from '@keepsake/content/errors.ts'
import { formatBytes } from '@keepsake/terminal/sizes.ts'
import type { Command } from 'commander'
import type { ContentPath } from '../cid-argument.ts'
import type { Context } from '../context.ts'
import { findItem, parseItem } from '../extract/find-item.ts'
import { openPieces, type Pieces } from '../extract/pieces.ts'
import { CommandError } from '../failure.ts'
import { pour, targetOf, writeToStdout } from '../files/output.ts'
import { checkTarget, writeEntries, writeStream } from '../files/write-entries.ts'

interface Options {
  output?: string
  force?: boolean
  car?: boolean
  also?: string[]
  index?: string | false
  saveIndex?: boolean
}

async function extract(context: Context, file: string, text: string, options: Options): Promise<void> {
  const wanted = parseItem(text)
  const cid = wanted.kind === 'cid' ? wanted.content.cid : undefined
  await using pieces = await openPieces([file, ...(options.also ?? [])], cid, options, context)
  const content = await findItem(pieces, wanted, context.signal)
  await writeItem(pieces, content, options, context)
}

async function writeItem(pieces: Pieces, content: ContentPath, options: Options, context: Context): Promise<void> {
  const { signal, progress } = context
  const write = { target: await targetOf(content, options), force: options.force ?? false, signal }
  if (options.output !== '-') await checkTarget(write)
  const found = await blockOf(pieces, content, signal)
  const car = () => dagCar(pieces.blocks, found.cid, { signal })
  const entries = () => entriesOf(pieces, content, found)
  if (options.output === '-') return await (options.car ? pour(car()) : writeToStdout(entries()))
  progress.begin('Writing', undefined)
  const written = options.car ? await writeStream(car(), write) : await writeEntries(entries(), write)
  progress.end()
  const files = written.files === 1 ? '1 file' : `${written.files} files`
  process.stderr.write(`${write.target}: ${files}, ${formatBytes(written.bytes)}, every block verified.\n`)
  if (written.links > 0) process.stderr.write(`Symbolic links in it were left out: ${written.links}.\n`)
}

async function blockOf({ blocks }: Pieces, { cid, path }: ContentPath, signal: AbortSignal): Promise<Block> {
  const found = await resolvePath(blocks, cid, path, { signal })
  if (found.remainder.length > 0)
    throw new CommandError(`${[cid, ...path].join('/')} is a value inside ${found.cid}, not a file.`)
  return found
}

async function* entriesOf({ blocks }: Pieces, { cid, path }: ContentPath, found: Block): AsyncGenerator<UnpackedEntry> {
  try {
    yield* unpackDag(blocks, found.cid, found.bytes)
  } catch (error) {
    if (!isContentError(error, 'UNSUPPORTED_CODEC')) throw error
    const what = [cid, ...path].join('/')
    throw new CommandError(`${what} is data, not a file or directory. Name a path inside it, or take it out whole with --car.`, {
      cause: error,
    })
  }
}

export function addExtract(program: Command, context: Context): void {
  program
    .command('extract')
    .description('take one item out of a downloaded piece, verified')
    .argument('<piece>', 'an aggregate or any other CAR, version 1 or 2, or an aggregate of data segments (FRC-0058)')
    .argument('<item>', 'CID, CID/path/in/it, /path/from/the/root, or a selector like Links/1/Hash/Links/0/Hash')
    .option('-o, --output <path>', 'where to write; "-" is standard output (default: the last name, or the CID)')
    .option('--force', 'replace what is there')
    .option('--car', 'write the item as a CAR')
    .option('--also <pieces...>', 'the other pieces of a content that was split over several')
    .option('--index <file>', 'the .carindex of the piece (default: the one inside it or beside it)')
    .option('--no-index', 'use none: look through the file itself')
    .option('--save-index', 'keep the index beside the piece where one had to be made')
    .addHelpText(
      'after',
      `
Needs neither a server nor a key, and does not read the whole piece: blocks are found by an index, and where there is none what each
block begins with is read once. Every block is checked against its CID; an item is written whole or not at all. Paths and selectors
begin at the root of <piece>.

Examples:
  $ keepsake extract baga....car bafy... -o art.png
  $ keepsake extract baga....car bafy.../1.json -o - | jq .name
  $ keepsake extract baga....car Links/1/Hash/Links/0/Hash/Links/7/Hash -o art.png
  $ keepsake extract baga....car bafy... --save-index
  $ keepsake extract baga...a.car bafy... -o film.mp4 --also baga...b.car baga...c.car`,
    )
    .action((piece: string, item: string, options: Options) => extract(context, piece, item, options))
}
