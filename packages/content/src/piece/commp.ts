import { ContentError } from '../errors.ts'
import type { HashPairs } from './hash-pairs.ts'
import { heightFor, MIN_PIECE_HEIGHT, type Piece } from './piece.ts'
import { SLAB_DATA_BYTES, SLAB_HEIGHT, SLAB_INPUT_BYTES, slabHasher } from './slab.ts'
import { growingNodes, type TreeLevel, treeStack } from './tree.ts'

export interface CommPOptions {
  /** Height of a level of the tree to keep, `MIN_PIECE_HEIGHT` (a quarter of the piece) to `SLAB_HEIGHT` (32 bytes for 254 KiB). */
  keepLevel?: number | undefined
}

/** Computes the commitment of a piece while its bytes go by, in constant memory (but for the level that is to be kept). */
export interface CommPHasher {
  /** Takes the next bytes, any number of them; they may be overwritten when this returns. */
  write(bytes: Uint8Array): void
  /** The smallest piece that holds what was written. Nothing can be written after it. */
  digest(): Piece
  /** After `digest`: the level that was to be kept; of a tree that is not as high as that its root. */
  keptLevel(): TreeLevel
}

/**
 * Streaming CommP ("piece commitment"): Fr32 padding, and a binary tree of truncated sha2-256 over it.
 *
 * Bytes are gathered into slabs that are padded and hashed at once. No bytes at all are a piece of zeros, as in FRC-0069.
 */
export function commPHasher(hashPairs: HashPairs, options: CommPOptions = {}): CommPHasher {
  const { keepLevel } = options
  if (keepLevel !== undefined) refuseOtherLevel(keepLevel)
  const slab = slabHasher(hashPairs)
  const input = new Uint8Array(SLAB_INPUT_BYTES)
  const stack = treeStack()
  const kept = growingNodes()
  let filled = 0
  let payloadBytes = 0
  let piece: Piece | undefined

  function hashSlab(height: number): void {
    const root = slab.hash(input, filled, height, (level, nodes) => {
      if (level === keepLevel) kept.append(nodes)
    })
    stack.push(root, height)
    filled = 0
  }

  return {
    write(bytes) {
      if (piece !== undefined) throw new Error('A piece takes no bytes after its digest.')
      payloadBytes += bytes.length
      for (let at = 0; at < bytes.length; ) {
        const taken = Math.min(bytes.length - at, SLAB_DATA_BYTES - filled)
        input.set(bytes.subarray(at, at + taken), filled)
        filled += taken
        at += taken
        if (filled === SLAB_DATA_BYTES) hashSlab(SLAB_HEIGHT)
      }
    },
    digest() {
      if (piece === undefined) {
        // A piece that fits one slab is no higher than it has to be; in a larger one every slab is of the same height.
        if (filled > 0 || payloadBytes === 0) hashSlab(Math.min(heightFor(payloadBytes), SLAB_HEIGHT))
        piece = { ...stack.finish(), payloadBytes }
      }
      return piece
    },
    keptLevel() {
      if (piece === undefined || keepLevel === undefined)
        throw new Error('A level is kept where that was asked for, after the digest.')
      return keptLevelOf(piece, keepLevel, kept.nodes())
    },
  }
}

/** The level as it is kept: of a tree that is not as high as the level asked for, its root. */
export function keptLevelOf(piece: Piece, keepLevel: number, nodes: Uint8Array): TreeLevel {
  return piece.height < keepLevel ? { height: piece.height, nodes: piece.root } : { height: keepLevel, nodes }
}

/** @throws {ContentError} `INVALID_INPUT` for a level that cannot be kept */
export function refuseOtherLevel(keepLevel: number): void {
  if (!Number.isInteger(keepLevel) || keepLevel < MIN_PIECE_HEIGHT || keepLevel > SLAB_HEIGHT)
    throw new ContentError('INVALID_INPUT', `A level to be kept is ${MIN_PIECE_HEIGHT} to ${SLAB_HEIGHT}, not ${keepLevel}.`)
}
