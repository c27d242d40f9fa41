import { ContentError } from '../../errors.ts'
import { MAX_PIECE_HEIGHT, MIN_PIECE_HEIGHT, type Piece, paddedBytes } from '../../piece/piece.ts'
import { checkHeight, indexEntries, indexStart, MIN_AGGREGATE_HEIGHT } from './index-area.ts'

/** Largest first, so that nothing is lost between them; the same ones in the same order, whatever order they come in. */
export function orderSegments<T extends Pick<Piece, 'root' | 'height'>>(segments: Iterable<T>): T[] {
  return [...segments].sort((a, b) => b.height - a.height || compareBytes(a.root, b.root))
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const at = a.findIndex((byte, index) => byte !== b[index])
  return at === -1 ? 0 : a[at]! - b[at]!
}

/**
 * Where segments go, in padded bytes, in the order given: each at the first multiple of its size behind the one before.
 *
 * @throws {ContentError} `LIMIT_EXCEEDED` where they and the index do not fit an aggregate of `height`; `INVALID_INPUT` without segments or for
 * heights that nothing has.
 */
export function placeSegments(segments: readonly { height: number }[], height: number): number[] {
  checkHeight(height)
  if (segments.length === 0) throw new ContentError('INVALID_INPUT', 'An aggregate must hold at least one segment.')
  if (segments.length > indexEntries(height)) {
    const room = indexEntries(height)
    throw new ContentError('LIMIT_EXCEEDED', `${segments.length} segments do not fit an index of ${room} entries.`)
  }
  let end = 0
  const offsets = segments.map((segment) => {
    if (!Number.isInteger(segment.height) || segment.height < MIN_PIECE_HEIGHT || segment.height > MAX_PIECE_HEIGHT) {
      throw new ContentError(
        'INVALID_INPUT',
        `A segment has a height of ${MIN_PIECE_HEIGHT} to ${MAX_PIECE_HEIGHT}, not ${segment.height}.`,
      )
    }
    const size = paddedBytes(segment.height)
    const offset = Math.ceil(end / size) * size
    end = offset + size
    return offset
  })
  if (end > indexStart(height)) {
    throw new ContentError(
      'LIMIT_EXCEEDED',
      `The segments take ${end} bytes; an aggregate of ${paddedBytes(height)} has ${indexStart(height)} in front of its index.`,
    )
  }
  return offsets
}

/** Height of the smallest aggregate that holds the segments in this order. Throws as `placeSegments` does where none holds them. */
export function heightOfAggregate(segments: readonly { height: number }[]): number {
  for (let height = MIN_AGGREGATE_HEIGHT; height < MAX_PIECE_HEIGHT; height++) {
    try {
      placeSegments(segments, height)
      return height
    } catch (error) {
      if (!(error instanceof ContentError) || error.code !== 'LIMIT_EXCEEDED') throw error
    }
  }
  placeSegments(segments, MAX_PIECE_HEIGHT)
  return MAX_PIECE_HEIGHT
}
