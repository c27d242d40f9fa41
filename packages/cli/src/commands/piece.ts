import { fstatSync, type Stats } from 'node:fs'
import { stat } from 'node:fs/promises'
import { addAbortSignal } from 'node:stream'
import { commPOfFile } from '@keepsake/commp/commp-of-file.ts'
import { commPOfStream } from '@keepsake/commp/commp-of-stream.ts'
import { FILE_CHANGED } from '@keepsake/commp/file-changed.ts'
import { heightFor, type Piece, paddedBytes, padPieceTo } from '@keepsake/content/piece/piece.ts'
import { pieceCidV1, pieceCidV2 } from '@keepsake/content/piece/piece-cid.ts'
import { formatBytes } from '@keepsake/terminal/sizes.ts'
import { type Command, InvalidArgumentError } from 'commander'
import type { Context } from '../context.ts'
import { print, printJson } from '../context.ts'
import { CommandError, describeFileError, UsageError } from '../failure.ts'
import { readStream } from '../files/read-stream.ts'
import { formatFields } from '../show-upload.ts'

interface Options {
  /** Height of the piece that was asked for. */
  padTo?: number
  json?: boolean
}

const MiB = 1024 * 1024
/** Fewer than this Filecoin's own tools refuse; a deal is not made for them. (FRC-0069 gives them a piece CID all the same.) */
const minDealBytes = 65

/** Of standard input, of a pipe and the like, whose size nobody knows. */
function openStream(path: string, info: Stats | undefined, signal: AbortSignal): AsyncIterable<Uint8Array> {
  if (info) return readStream(path, { isPipe: info.isFIFO(), signal })
  if (process.stdin.isTTY)
    throw new UsageError('Standard input is a terminal. Name a file, or pipe one in: keepsake piece - < FILE')
  // Read as one it would be no bytes at all, which have a piece CID too.
  if (fstatSync(process.stdin.fd).isDirectory())
    throw new CommandError('Standard input is a directory; a piece is made of the bytes of one file.')
  return addAbortSignal(signal, process.stdin)
}

async function pieceOf(path: string, { signal, progress }: Context): Promise<Piece> {
  try {
    const info = path === '-' ? undefined : await stat(path)
    if (info?.isDirectory())
      throw new CommandError(`${path} is a directory; a piece is made of the bytes of one file. Pack it into a CAR first.`)
    const options = { signal, onProgress: (bytes: number) => progress.update(bytes) }
    // What the system makes up while it is read, as below /proc, has no size.
    const sizeBytes = info?.isFile() && info.size > 0 ? info.size : undefined
    progress.begin('Computing', sizeBytes)
    const { piece } = sizeBytes ? await commPOfFile(path, options) : await commPOfStream(openStream(path, info, signal), options)
    return piece
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === FILE_CHANGED)
      throw new CommandError(`${path} changed while it was being read.`, { cause: error })
    throw describeFileError(error, path)
  } finally {
    progress.end()
  }
}

function padded(piece: Piece, height: number | undefined): Piece {
  if (height === undefined) return piece
  if (height < piece.height)
    throw new CommandError(
      `${formatBytes(piece.payloadBytes)} take a piece of ${formatBytes(paddedBytes(piece.height))}; ${formatBytes(paddedBytes(height))} are too small.`,
    )
  return padPieceTo(piece, height)
}

async function showPiece(context: Context, path: string, options: Options): Promise<void> {
  const piece = padded(await pieceOf(path, context), options.padTo)
  const { payloadBytes } = piece
  const sizes = { payloadBytes, paddedBytes: paddedBytes(piece.height) }
  const cids = { pieceCid: String(pieceCidV1(piece)), pieceCidV2: String(pieceCidV2(piece)) }
  if (options.json) await printJson({ ...cids, ...sizes })
  else {
    await print(
      formatFields([
        ['Piece CID', cids.pieceCid],
        ['Piece CID v2', cids.pieceCidV2],
        ['Payload', `${payloadBytes} bytes (${formatBytes(payloadBytes)})`],
        ['Padded', `${sizes.paddedBytes} bytes (${formatBytes(sizes.paddedBytes)})`],
      ]),
    )
  }
  if (payloadBytes < minDealBytes)
    context.progress.note(
      `No deal can be made for fewer than ${minDealBytes} bytes: other tools refuse to compute a piece of them.`,
    )
}

const unitBytes: Record<string, number> = { '': 1, KIB: 1024, MIB: MiB, GIB: 1024 * MiB, TIB: 1024 * 1024 * MiB }

/** `32GiB`, or bytes: the height of the piece that is so large. */
function parsePieceSize(text: string): number {
  const [, count = '', unit = ''] = /^(\d+)\s*([KMGT]iB)?$/i.exec(text) ?? []
  const bytes = Number(count) * (unitBytes[unit.toUpperCase()] ?? Number.NaN)
  const height = Number.isSafeInteger(bytes) ? heightFor((bytes / 128) * 127) : 0
  if (paddedBytes(height) !== bytes) throw new InvalidArgumentError('Expected a power of two from 128 on, as in 32GiB.')
  return height
}

export function addPiece(program: Command, context: Context): void {
  program
    .command('piece')
    .description('compute the piece CID of a file, as Filecoin deals name it')
    .argument('<file>', 'any file, or - for standard input')
    .option('--pad-to <size>', 'as a larger piece, zeros behind it: 32GiB', parsePieceSize)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Needs neither a server nor a key. The file is read once and never held in memory, whatever its size. The piece CID is over the bytes as
they are: of a CAR, over all of it, header and index included.

Examples:
  $ keepsake piece deal.car
  $ keepsake piece deal.car --pad-to 32GiB --json
  $ zstdcat deal.car.zst | keepsake piece -`,
    )
    .action((path: string, options: Options) => showPiece(context, path, options))
}
