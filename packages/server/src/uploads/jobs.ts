import type { Db } from '../database/database.ts'
import type { JobHandlers } from '../jobs/worker.ts'
import { compactTallies, markAllDeleted } from './store.ts'

export function uploadJobs({ database }: { database: Db }): Pick<JobHandlers, 'compact-tallies' | 'delete-uploads'> {
  return {
    'compact-tallies': async () => await compactTallies(database),
    'delete-uploads': async (payload, signal) => {
      const userId = Number((payload as { userId: unknown }).userId)
      while (await markAllDeleted(database, userId)) signal?.throwIfAborted()
    },
  }
}
