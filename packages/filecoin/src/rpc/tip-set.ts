import type { CID } from 'multiformats/cid'
import { type BlockHeader, blockCid } from '../block-header.ts'
import { blockHeader, cid, cidJson, list, object, whole } from './json.ts'

/** Blocks of one epoch with the same parents. */
export interface TipSet {
  cids: CID[]
  blocks: BlockHeader[]
  /** Epoch. */
  height: number
}

/**
 * A tipset as nodes show it, every header checked against its CID: what a node says of the chain is what the chain says, or it is refused.
 *
 * @throws TypeError where the shape or a hash is wrong
 */
export function tipSet(value: unknown): TipSet {
  const json = object(value)
  const cids = list(json.Cids).map(cid)
  const blocks = list(json.Blocks).map(blockHeader)
  const height = whole(json.Height)
  const [first] = blocks
  if (!first || blocks.length !== cids.length) throw new TypeError(`a tipset of ${blocks.length} blocks and ${cids.length} CIDs`)
  for (const [index, block] of blocks.entries()) {
    const named = cids[index] as CID
    if (!blockCid(block).equals(named)) throw new TypeError(`the header shown for ${named} has another hash`)
    if (block.height !== height) throw new TypeError(`a block of epoch ${block.height} in a tipset of epoch ${height}`)
    if (!isSameKey(block.parents, first.parents)) throw new TypeError('the blocks of a tipset have different parents')
  }
  return { cids, blocks, height }
}

export function isSameKey(a: readonly CID[], b: readonly CID[]): boolean {
  return a.length === b.length && a.every((one, index) => one.equals(b[index] as CID))
}

/** How a call names a tipset; nothing is the head. */
export function tipSetKey(key?: readonly CID[]): unknown {
  return key && key.length > 0 ? key.map(cidJson) : null
}
