import type { CID } from 'multiformats/cid'

/** The largest block nft.storage took, and about the largest that IPFS peers exchange. */
export const MAX_BLOCK_BYTES = 2 * 1024 * 1024

/** A piece of content and its name: `cid` is the hash of `bytes`. */
export interface Block {
  cid: CID
  bytes: Uint8Array
}

export interface AbortOptions {
  signal?: AbortSignal | undefined
}

/**
 * Where blocks are read from. Bytes that come out of a `BlockSource` have been checked against their CID.
 *
 * Both calls throw a `ContentError` with code `BLOCK_NOT_FOUND` for a block that is not there.
 */
export interface BlockSource {
  get(cid: CID, options?: AbortOptions): Promise<Uint8Array>
  /** Yields the blocks in the order asked for; a source may read ahead, so ask for many at once where they are known. */
  getMany(cids: readonly CID[], options?: AbortOptions): AsyncIterable<Block>
}
