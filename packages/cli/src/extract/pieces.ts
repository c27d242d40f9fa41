import type { AbortOptions, Block, BlockSource } from '@keepsake/content/block.ts'
import { isContentError } from '@keepsake/content/errors.ts'
import type { CID } from 'multiformats/cid'
import type { Context } from '../context.ts'
import { CommandError } from '../failure.ts'
import { openPieceFile, type PieceFile, type PieceFileOptions } from './piece-file.ts'

/** Pieces that are read as one. A content that was split over several is whole only over all of them. */
export interface Pieces extends AsyncDisposable {
  /** The one that paths and selectors begin in. */
  first: PieceFile
  /** Blocks of whichever has them, checked. What it throws of a file names that file. */
  blocks: BlockSource
}

/**
 * Opens a piece, and others whose blocks are wanted too. `index` of the options is that of the first.
 *
 * @throws as `openPieceFile` does
 */
export async function openPieces(
  [path, ...also]: readonly [string, ...string[]],
  wanted: CID | undefined,
  options: PieceFileOptions,
  context: Context,
): Promise<Pieces> {
  await using opening = new AsyncDisposableStack()
  const first = opening.use(await openPieceFile(path, wanted, options, context))
  const all = [first]
  const index = options.index === false ? false : undefined
  for (const other of also) all.push(opening.use(await openPieceFile(other, wanted, { ...options, index }, context)))
  const stack = opening.move()
  return { first, blocks: blocksOf(all, wanted), [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

function blocksOf(pieces: readonly PieceFile[], wanted: CID | undefined): BlockSource {
  async function get(cid: CID, options?: AbortOptions): Promise<Uint8Array> {
    let damage: CommandError | undefined
    for (const piece of pieces) {
      try {
        return await piece.blocks.get(cid, options)
      } catch (error) {
        if (isContentError(error, 'BLOCK_NOT_FOUND')) continue
        // Another piece may hold a good copy.
        damage ??= damageOf(piece, error)
        if (damage === undefined) throw error
      }
    }
    throw damage ?? notFound(pieces, cid, wanted)
  }
  return {
    get,
    async *getMany(cids, options): AsyncGenerator<Block> {
      for (const cid of cids) yield { cid, bytes: await get(cid, options) }
    },
  }
}

/** What is wrong with the file, or with what is believed to be its index, so that nobody looks for the fault elsewhere. */
function damageOf({ path, index }: PieceFile, error: unknown): CommandError | undefined {
  if (!isContentError(error, 'HASH_MISMATCH') && !isContentError(error, 'INVALID_CAR')) return undefined
  const isIndexAtFault = index !== undefined && error.code === 'INVALID_CAR'
  const told = isIndexAtFault
    ? `${path} is damaged, or ${index} is not its index, nothing was kept: ${error.message}. With --no-index the file itself is looked through.`
    : `${path} is damaged, nothing was kept: ${error.message}.`
  return new CommandError(told, { cause: error })
}

function notFound(pieces: readonly PieceFile[], cid: CID, wanted: CID | undefined): CommandError {
  const paths = pieces.map(({ path }) => path)
  const isOne = pieces.length === 1
  const sentences = [isOne ? `${paths[0]}: Block ${cid} is not in this file.` : `Block ${cid} is in none of ${paths.join(', ')}.`]
  for (const { path, damage, index } of pieces) {
    const name = isOne ? 'The file' : path
    if (damage !== undefined) sentences.push(`${name} ${damage}.`)
    if (index !== undefined) sentences.push(`${name} was not looked through: ${index} was believed (--no-index does without it).`)
  }
  // What was asked for itself is in every part of it.
  if (wanted?.equals(cid) !== true) sentences.push('Was the content split over several pieces? Then name the others with --also.')
  return new CommandError(sentences.join(' '))
}
