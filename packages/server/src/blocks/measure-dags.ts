import { isContentError } from '@keepsake/content/errors.ts'
import { CID } from 'multiformats/cid'
import type { Db } from '../database/database.ts'
import { KeepsakeError } from '../errors.ts'
import { tellContentsChanged } from '../jobs/content-changes.ts'
import type { Blocks } from './blocks.ts'
import { walkPresent } from './complete-dag.ts'
import { listUnmeasured, saveDagBytes } from './store.ts'

interface Components {
  database: Db
  blocks: Blocks
}

const pageSize = 100

/**
 * Finds the size of complete DAGs whose root does not tell it (dag-cbor and others): the bytes of all their blocks, each counted once. One that cannot
 * be read stays without a size until a later run. Gives how many were measured.
 */
export async function measureDags({ database, blocks }: Components, signal?: AbortSignal): Promise<number> {
  let measured = 0
  for (let afterId = 0; ; ) {
    const page = await listUnmeasured(database, { afterId, limit: pageSize })
    for (const { id, cid } of page) {
      signal?.throwIfAborted()
      afterId = id
      const bytes = await dagBytes({ database, blocks }, CID.decode(cid), signal)
      if (bytes === undefined || !(await saveDagBytes(database, id, bytes))) continue
      await tellContentsChanged(database, [id])
      measured++
    }
    if (page.length < pageSize) return measured
  }
}

async function dagBytes(
  { database, blocks }: Components,
  root: CID,
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  try {
    const { missing, obstacle, presentBytes } = await walkPresent({ database, blocks }, [root], new Set(), { signal })
    return missing.length === 0 && obstacle === null ? presentBytes : undefined
  } catch (error) {
    if (error instanceof KeepsakeError || isContentError(error)) return undefined
    throw error
  }
}
