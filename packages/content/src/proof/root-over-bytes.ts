import { ContentError } from '../errors.ts'
import { GROUP_DATA_BYTES, pad, QUAD_DATA_BYTES } from '../piece/fr32.ts'
import { type HashPairs, levelAbove, NODE_BYTES } from '../piece/hash-pairs.ts'
import { type BytesProof, quadsOf } from '../piece/merkle.ts'
import { MIN_PIECE_HEIGHT } from '../piece/piece.ts'

/** Data is hashed in steps of about so many bytes: whole groups, few calls. */
const STEP_BYTES = 128 * GROUP_DATA_BYTES

/** Finds the root of the piece that bytes at a place would belong to, while they go by, in flat memory. */
export interface RootOverBytes {
  write(bytes: Uint8Array): void
  /** The root of the piece. Throws `INVALID_PROOF` where fewer or more bytes came than were announced. */
  end(): Uint8Array
}

/**
 * The streaming form of `verifyBytes`: what comes out of `end` is compared with the root of a piece by the caller.
 *
 * @throws {ContentError} `INVALID_PROOF` for a proof that is not of the form it has to have for these bytes, `INVALID_INPUT` for a place no piece of
 * `height` has
 */
export function rootOverBytes(
  hashPairs: HashPairs,
  { height, offset, length }: { height: number; offset: number; length: number },
  { before, after, path }: BytesProof,
): RootOverBytes {
  const { firstQuad, endQuad, beforeBytes, afterBytes } = quadsOf({ height }, offset, length)
  if (before.length !== beforeBytes || after.length !== afterBytes)
    throw invalid('what it holds beside the bytes does not fill up what they are in')
  const climb = climber(hashPairs, { height, firstQuad, endQuad, path })
  const step = new Uint8Array(STEP_BYTES)
  let filled = 0
  let left = length

  const take = (bytes: Uint8Array): void => {
    for (let at = 0; at < bytes.length; ) {
      const count = Math.min(bytes.length - at, STEP_BYTES - filled)
      step.set(bytes.subarray(at, at + count), filled)
      filled += count
      at += count
      if (filled === STEP_BYTES) flush()
    }
  }
  const flush = (): void => {
    let nodes = pad(step.subarray(0, filled))
    for (let level = 0; level < MIN_PIECE_HEIGHT; level++) nodes = levelAbove(hashPairs, nodes)
    climb.push(nodes.subarray(0, (filled / QUAD_DATA_BYTES) * NODE_BYTES))
    filled = 0
  }
  take(before)
  return {
    write(bytes) {
      left -= bytes.length
      if (left >= 0) take(bytes)
    },
    end() {
      if (left !== 0) throw invalid(`the blocks it names have ${length - left} bytes there, not ${length}`)
      take(after)
      if (filled > 0) flush()
      return climb.end()
    },
  }
}

/** Joins the nodes of quads, from the left, with those beside their way to the root. */
function climber(
  hashPairs: HashPairs,
  { height, firstQuad, endQuad, path }: { height: number; firstQuad: number; endQuad: number; path: readonly Uint8Array[] },
) {
  const levels = height - MIN_PIECE_HEIGHT
  const { left, right } = sides({ levels, firstQuad, endQuad, path })
  /** By level: a node that has no neighbour yet. */
  const pending: (Uint8Array | undefined)[] = [...left]
  let root: Uint8Array | undefined

  const push = (level: number, nodes: Uint8Array): void => {
    if (level === levels) {
      root = nodes
      return
    }
    const before = pending[level]
    const all = before ? joined(before, nodes) : nodes
    const pairs = all.length - (all.length % (2 * NODE_BYTES))
    pending[level] = pairs < all.length ? all.slice(pairs) : undefined
    if (pairs > 0) push(level + 1, levelAbove(hashPairs, all.subarray(0, pairs)))
  }
  return {
    push: (nodes: Uint8Array) => push(0, nodes),
    end(): Uint8Array {
      for (let level = 0; level < levels; level++) {
        const node = right[level]
        if (node) push(level, node)
      }
      return root!
    },
  }
}

/** Which nodes of a path stand to the left of the way up, and which to the right, by level. */
function sides({
  levels,
  firstQuad,
  endQuad,
  path,
}: {
  levels: number
  firstQuad: number
  endQuad: number
  path: readonly Uint8Array[]
}) {
  const left: (Uint8Array | undefined)[] = []
  const right: (Uint8Array | undefined)[] = []
  let first = firstQuad
  let last = endQuad - 1
  let at = 0
  for (let level = 0; level < levels; level++) {
    left.push(first % 2 === 1 ? path[at++] : undefined)
    right.push(last % 2 === 0 ? path[at++] : undefined)
    first = Math.floor(first / 2)
    last = Math.floor(last / 2)
  }
  if (at !== path.length || path.some((node) => node.length !== NODE_BYTES))
    throw invalid('it is not as long as the way to the root')
  return { left, right }
}

function joined(one: Uint8Array, other: Uint8Array): Uint8Array {
  const both = new Uint8Array(one.length + other.length)
  both.set(one)
  both.set(other, one.length)
  return both
}

function invalid(reason: string): ContentError {
  return new ContentError('INVALID_PROOF', `The proof does not hold: ${reason}.`)
}
