import type { JobHandlers } from '../jobs/worker.ts'
import { checkRetrievals, type RetrievalComponents } from './check-retrievals.ts'

export function retrievalJobs(components: RetrievalComponents): Pick<JobHandlers, 'check-retrievals'> {
  return { 'check-retrievals': async (_payload, signal) => void (await checkRetrievals(components, signal)) }
}
