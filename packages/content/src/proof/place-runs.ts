import type { CID } from 'multiformats/cid'
import { encodeSectionPrefix } from '../car/encode.ts'
import { isContentError } from '../errors.ts'
import { DAG_PB } from '../hash/cid.ts'
import { type HashPairs, sameNode } from '../piece/hash-pairs.ts'
import type { BytesProof } from '../piece/merkle.ts'
import type { Piece } from '../piece/piece.ts'
import { fromBase64 } from './base64.ts'
import type { BytesInPiece, IndexRange, ProofRun } from './document.ts'
import { type RootOverBytes, rootOverBytes } from './root-over-bytes.ts'

/** What of a place's runs was shown. */
export interface RunsResult {
  /** Why one does not hold; undefined where all do. */
  failure: string | undefined
  /** Numbers of the blocks that were shown to lie in the piece. */
  proven: Set<number>
}

/** Checks the runs of one place while the blocks of the DAG go by in their order. */
export interface RunsChecker {
  add(index: number, cid: CID, bytes: Uint8Array): void
  end(): RunsResult
}

export function runsChecker(hashPairs: HashPairs, piece: Piece, runs: readonly ProofRun[]): RunsChecker {
  let failure: string | undefined
  /** Does part of the work, and remembers why it cannot be done. */
  const attempt = <T>(work: () => T): T | undefined => {
    try {
      return work()
    } catch (error) {
      if (!isContentError(error)) throw error
      failure ??= error.message
      return undefined
    }
  }
  const open = runs.map((run) => {
    const hasher = attempt(() => rootOverBytes(hashPairs, { ...run, height: piece.height }, bytesProof(run)))
    return { run, hasher, indexes: [] as number[] }
  })
  return {
    add(index, cid, bytes) {
      for (const { run, hasher, indexes } of open) {
        if (!hasher || !isIn(run.blocks, index)) continue
        indexes.push(index)
        attempt(() => writeSection(hasher, cid, bytes, isIn(run.cidV0 ?? [], index)))
      }
    },
    end() {
      const proven = new Set<number>()
      for (const { run, hasher, indexes } of open) {
        if (indexes.length < run.blocks.reduce((sum, [from, to]) => sum + to - from, 0)) {
          failure ??= 'It names blocks that the DAG does not have.'
          continue
        }
        const root = hasher && attempt(() => hasher.end())
        if (root && sameNode(root, piece.root) && run.offset + run.length <= piece.payloadBytes)
          for (const index of indexes) proven.add(index)
        else failure ??= `The bytes of its blocks from ${run.offset} on do not lead to the commitment of the piece.`
      }
      return { failure, proven }
    },
  }
}

function writeSection(hasher: RootOverBytes, cid: CID, bytes: Uint8Array, isV0: boolean): void {
  const spelled = isV0 && cid.multihash.code === 0x12 ? v0Of(cid) : cid.toV1()
  hasher.write(encodeSectionPrefix(spelled, bytes.length))
  hasher.write(bytes)
}

/** A leaf of a DAG of version 0 is dag-pb like all its blocks; nothing else has that version. */
function v0Of(cid: CID): CID {
  return cid.code === DAG_PB ? cid.toV0() : cid
}

function isIn(ranges: readonly IndexRange[], index: number): boolean {
  return ranges.some(([from, to]) => index >= from && index < to)
}

/** The bytes of what the parser has found to be base64. */
export function bytesProof({ before, after, path }: BytesInPiece): BytesProof {
  return { before: fromBase64(before)!, after: fromBase64(after)!, path: path.map((node) => fromBase64(node)!) }
}
