import { signInJobs } from './accounts/sign-in/jobs.ts'
import { aggregateJobs } from './aggregates/jobs.ts'
import { blockJobs } from './blocks/jobs.ts'
import { dealJobs } from './deals/jobs.ts'
import type { JobHandlers } from './jobs/worker.ts'
import { pinRequestJobs } from './pin-requests/jobs.ts'
import { pinJobs } from './pins/jobs.ts'
import { providerJobs } from './providers/jobs.ts'
import { retrievalJobs } from './retrievals/jobs.ts'
import type { Service } from './service.ts'
import { uploadJobs } from './uploads/jobs.ts'

/** What each job of the pipeline does. */
export function jobHandlers(service: Service): JobHandlers {
  return {
    'follow-roots': async () => await service.facts.record(service.database, 'roots:followed', {}),
    ...signInJobs(service),
    ...blockJobs(service),
    ...aggregateJobs(service),
    ...uploadJobs(service),
    ...pinJobs(service),
    ...pinRequestJobs(service),
    ...retrievalJobs(service),
    ...providerJobs(service),
    ...dealJobs(service),
  }
}
