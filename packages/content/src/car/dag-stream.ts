import type { CID } from 'multiformats/cid'
import type { AbortOptions, BlockSource } from '../block.ts'
import { withIdentity } from '../dag/identity.ts'
import { scopedBlocks } from '../unixfs/read/scope.ts'
import { carStream } from './stream.ts'

/**
 * The whole DAG below a root as a CARv1, depth first, every block once. Memory: the way down, and the names of the blocks met.
 *
 * Throws as `blocks` does, and `UNSUPPORTED_CODEC` for a block whose links cannot be read.
 */
export async function* dagCar(blocks: BlockSource, root: CID, options: AbortOptions = {}): AsyncGenerator<Uint8Array> {
  const bytes = await withIdentity(blocks).get(root, options)
  yield* carStream(
    [root],
    scopedBlocks(blocks, { cid: root, bytes, path: [], roots: [root], remainder: [] }, { ...options, scope: 'all' }),
  )
}
