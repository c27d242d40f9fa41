import type { CID } from 'multiformats/cid'
import type { RecipePart } from './recipe.ts'

/** Where a block lies in a CAR we store: its whole section, so that sections side by side are a CAR again. */
export interface Section {
  multihash: Uint8Array
  shard: CID
  /** Of the varint the section begins with. */
  offset: number
  /** Of the whole section: varint, CID and bytes. */
  length: number
}

/** Makes one range of ranges that follow each other in a shard. */
export function mergeRanges() {
  let open: { shard: CID; offset: number; length: number } | undefined
  const take = (): RecipePart | undefined => {
    const part: RecipePart | undefined = open && { kind: 'shard', ...open }
    open = undefined
    return part
  }
  return {
    /** Gives the range before, where this one does not go on with it. */
    add({ shard, offset, length }: Section): RecipePart | undefined {
      if (open && open.offset + open.length === offset && (open.shard === shard || open.shard.equals(shard))) {
        open.length += length
        return undefined
      }
      const before = take()
      open = { shard, offset, length }
      return before
    },
    /** The last range, where there is one. */
    end: take,
  }
}
