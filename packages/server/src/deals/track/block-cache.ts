import type { GetBlock } from '@keepsake/filecoin/blocks.ts'
import type { GetTipSet } from '@keepsake/filecoin/rpc/chain.ts'
import type { TipSet } from '@keepsake/filecoin/rpc/tip-set.ts'

/** From one epoch to the next nearly all of a state is the same blocks. */
const maxBytes = 64 * 1024 * 1024

/** Remembers blocks that were read; the one that was used longest ago goes first. Their CIDs say all there is to say: they never go stale. */
export function cachedBlocks(): (get: GetBlock) => GetBlock {
  const blocks = new Map<string, Uint8Array>()
  let heldBytes = 0
  const keep = (key: string, bytes: Uint8Array): void => {
    blocks.set(key, bytes)
    heldBytes += bytes.length
    for (const [oldest, { length }] of blocks) {
      if (heldBytes <= maxBytes) break
      blocks.delete(oldest)
      heldBytes -= length
    }
  }
  return (get) => async (cid) => {
    const key = cid.toString()
    const known = blocks.get(key)
    if (known) {
      blocks.delete(key)
      blocks.set(key, known)
      return known
    }
    const bytes = await get(cid)
    if (bytes) keep(key, bytes)
    return bytes
  }
}

/** More than a walk between two looks takes. */
const maxTipSets = 1_000

/** Remembers tipsets that were read. Their keys are hashes: they never go stale. */
export function cachedTipSets(): (get: GetTipSet) => GetTipSet {
  const tipSets = new Map<string, TipSet>()
  return (get) => async (key) => {
    const name = key.join()
    const found = tipSets.get(name) ?? (await get(key))
    tipSets.delete(name)
    tipSets.set(name, found)
    for (const oldest of tipSets.keys()) if (tipSets.size > maxTipSets) tipSets.delete(oldest)
    return found
  }
}
