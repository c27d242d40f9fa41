import type { BlobStore } from '../blobs/blobs.ts'
import type { Config } from '../config.ts'
import type { Db } from '../database/database.ts'
import type { Facts } from '../jobs/facts.ts'
import type { JobHandlers } from '../jobs/worker.ts'
import type { Blocks } from './blocks.ts'
import { collectGarbage } from './collect-garbage.ts'
import { completeDag } from './complete-dag.ts'
import { measureDags } from './measure-dags.ts'
import { sweepBlobs } from './sweep-blobs.ts'

interface Components {
  config: Config
  database: Db
  blobs: BlobStore
  blocks: Blocks
  facts: Facts
}

/** A blob gets its name moments before its row; one this old has been left behind. */
const minSweepAgeMs = 24 * 3_600_000

function contentIdOf(payload: unknown): number {
  const { contentId } = payload as { contentId?: unknown }
  if (typeof contentId !== 'number') throw new Error(`The payload of complete-dag is ${JSON.stringify(payload)}.`)
  return contentId
}

export function blockJobs(
  components: Components,
): Pick<JobHandlers, 'complete-dag' | 'collect-garbage' | 'sweep-blobs' | 'measure-dags'> {
  const graceMs = components.config.DELETE_GRACE_HOURS * 3_600_000
  return {
    'complete-dag': (payload, signal) => completeDag(components, { contentId: contentIdOf(payload) }, signal),
    'collect-garbage': async (_payload, signal) => void (await collectGarbage({ ...components, graceMs }, signal)),
    'measure-dags': async (_payload, signal) => void (await measureDags(components, signal)),
    'sweep-blobs': async (_payload, signal) =>
      void (await sweepBlobs({ ...components, graceMs: Math.max(graceMs, minSweepAgeMs) }, signal)),
  }
}
