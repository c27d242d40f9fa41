import type { AbortOptions } from '@keepsake/content/block.ts'
import { dagCar } from '@keepsake/content/car/dag-stream.ts'
import type { CID } from 'multiformats/cid'
import type { Blocks } from '../blocks/blocks.ts'
import type { Dag } from './backend.ts'

/**
 * A DAG out of our shards. To others it is called by its CID: what its owner calls it is nobody else's business.
 */
export function dagOf(blocks: Blocks, root: CID): Dag {
  return { root, name: root.toV1().toString(), car: (options?: AbortOptions) => dagCar(blocks, root, options) }
}
