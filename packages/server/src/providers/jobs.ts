import type { Config } from '../config.ts'
import type { Db } from '../database/database.ts'
import type { JobHandlers } from '../jobs/worker.ts'
import { forgetApplications } from './applications.ts'
import { forgetRequests } from './audit.ts'

const dayMs = 24 * 3_600_000

export function providerJobs({
  config,
  database,
}: {
  config: Config
  database: Db
}): Pick<JobHandlers, 'forget-portal-requests'> {
  return {
    'forget-portal-requests': async (_payload, signal) => {
      const before = new Date(Date.now() - config.PORTAL_LOG_DAYS * dayMs)
      await forgetApplications(database, before)
      await forgetRequests(database, before, { signal })
    },
  }
}
