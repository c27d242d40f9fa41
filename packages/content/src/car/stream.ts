import type { CID } from 'multiformats/cid'
import type { Block } from '../block.ts'
import { encodeCarHeader, encodeSectionPrefix } from './encode.ts'

/**
 * Writes blocks as a CARv1 while they are read. The first block is read before the header is given out, so that a reader whose source
 * fails at once has seen nothing yet. Memory: one block. Errors of `blocks` pass through.
 */
export async function* carStream(roots: readonly CID[], blocks: AsyncGenerator<Block>): AsyncGenerator<Uint8Array> {
  let next = await blocks.next()
  try {
    yield encodeCarHeader(roots)
    for (; !next.done; next = await blocks.next()) {
      yield encodeSectionPrefix(next.value.cid, next.value.bytes.length)
      yield next.value.bytes
    }
  } finally {
    await blocks.return(undefined)
  }
}
