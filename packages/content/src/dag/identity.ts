import type { CID } from 'multiformats/cid'
import type { AbortOptions, Block, BlockSource } from '../block.ts'
import { ContentError } from '../errors.ts'

const IDENTITY_HASH = 0x00

/** Longest content an identity CID may carry, in bytes (IPIP-0512). */
export const MAX_IDENTITY_BYTES = 128

export function isIdentity(cid: CID): boolean {
  return cid.multihash.code === IDENTITY_HASH
}

/** The content that an identity CID carries itself. Throws `LIMIT_EXCEEDED` where that is longer than `MAX_IDENTITY_BYTES`. */
export function identityBytes(cid: CID): Uint8Array {
  const { digest } = cid.multihash
  if (digest.length <= MAX_IDENTITY_BYTES) return digest
  throw new ContentError(
    'LIMIT_EXCEEDED',
    `An identity CID may carry ${MAX_IDENTITY_BYTES} bytes, this one carries ${digest.length}.`,
  )
}

/** A source that answers identity CIDs by itself, since nobody stores them, and asks `blocks` for all others. */
export function withIdentity(blocks: BlockSource): BlockSource {
  return {
    get: (cid, options) => (isIdentity(cid) ? Promise.resolve().then(() => identityBytes(cid)) : blocks.get(cid, options)),
    getMany: (cids, options) => (cids.some(isIdentity) ? getMixed(blocks, cids, options) : blocks.getMany(cids, options)),
  }
}

async function* getMixed(blocks: BlockSource, cids: readonly CID[], options?: AbortOptions): AsyncGenerator<Block> {
  const stored = blocks
    .getMany(
      cids.filter((cid) => !isIdentity(cid)),
      options,
    )
    [Symbol.asyncIterator]()
  try {
    for (const cid of cids) {
      if (isIdentity(cid)) yield { cid, bytes: identityBytes(cid) }
      else {
        const next = await stored.next()
        if (next.done) throw new ContentError('BLOCK_NOT_FOUND', `Block ${cid} was not delivered.`)
        yield next.value
      }
    }
  } finally {
    await stored.return?.()
  }
}
