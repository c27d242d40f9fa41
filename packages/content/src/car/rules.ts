import type { CID } from 'multiformats/cid'
import type { Block } from '../block.ts'
import { linksOf } from '../dag/links.ts'
import { ContentError } from '../errors.ts'
import { DAG_CBOR, DAG_PB } from '../hash/cid.ts'

/**
 * Checks the rules for uploaded CARs while one streams by. All throw `ContentError`: `INVALID_CAR`, or
 * `INVALID_BLOCK` for a root that does not decode.
 */
export interface CarRules {
  /** To be called with the roots of the header; gives back the only one. */
  checkRoots(roots: readonly CID[]): CID
  /** To be called for each block, in any order. The bytes of the root's block are kept until the end. */
  checkBlock(block: Block): void
  /** To be called after the last block. */
  checkEnd(): void
}

/**
 * The rules of nft.storage, in its words: exactly one root; its block is in the CAR; when it links to others, so is at least one
 * more block. Whether the DAG is complete is not among them: a large one comes in several CARs.
 */
export function carRules(): CarRules {
  let root: CID | undefined
  let rootBytes: Uint8Array | undefined
  let blocks = 0

  return {
    checkRoots(roots) {
      const [first] = roots
      if (first === undefined) throw new ContentError('INVALID_CAR', 'missing roots')
      if (roots.length > 1) throw new ContentError('INVALID_CAR', 'too many roots')
      root = first
      return first
    },
    checkBlock({ cid, bytes }) {
      blocks++
      // Decoded at the end only, so that damage is told as a hash that does not match, not as what the damage made of it.
      if (rootBytes === undefined && root?.equals(cid)) rootBytes = bytes
    },
    checkEnd() {
      if (blocks === 0) throw new ContentError('INVALID_CAR', 'empty CAR')
      if (root === undefined || rootBytes === undefined) throw new ContentError('INVALID_CAR', 'missing root block')
      const hasLinks = (root.code === DAG_PB || root.code === DAG_CBOR) && linksOf(root, rootBytes)!.length > 0
      if (hasLinks && blocks === 1) throw new ContentError('INVALID_CAR', 'CAR must contain at least one non-root block')
    },
  }
}
