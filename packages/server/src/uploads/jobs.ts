import type { Db } from '../database/database.ts'
import type { JobHandlers } from '../jobs/worker.ts'
import { compactTallies } from './store.ts'

export function uploadJobs({ database }: { database: Db }): Pick<JobHandlers, 'compact-tallies'> {
  return { 'compact-tallies': async () => await compactTallies(database) }
}
