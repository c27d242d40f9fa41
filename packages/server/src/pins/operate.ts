import { CID } from 'multiformats/cid'
import type { Db } from '../database/database.ts'
import type { Facts } from '../jobs/facts.ts'
import { rescheduleFailed } from './store/reads.ts'
import { sweepOfStep } from './sweep.ts'

interface Components {
  database: Db
  facts: Facts
}

export interface RetryFilter {
  backend?: string | undefined
  /** All of them where none are named. */
  cids?: readonly string[] | undefined
}

/** Has failed pins, given up or waiting, tried again now and from the beginning. Gives how many. */
export async function retryGivenUp({ database, facts }: Components, { backend, cids }: RetryFilter): Promise<number> {
  const roots = cids?.map((cid) => CID.parse(cid).toV1().bytes)
  const count = await rescheduleFailed(database, { backend, roots })
  if (count > 0) await facts.sweepAt(database, sweepOfStep.retry, new Date())
  return count
}
