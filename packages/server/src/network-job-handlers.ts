import { announcementJobs } from './announcements/jobs.ts'
import type { NetworkJobHandlers } from './jobs/worker.ts'
import type { Network } from './network/network.ts'
import type { RequestFetcher } from './pin-requests/fetcher.ts'
import type { Service } from './service.ts'

/** What goes on in the peer's process beside its jobs. */
interface Running {
  fetcher: RequestFetcher
}

/** What each job does that needs the IPFS network. They are run in the peer's process, and nowhere else. */
export function networkJobHandlers(service: Service, network: Network, { fetcher }: Running): Partial<NetworkJobHandlers> {
  return { ...announcementJobs({ ...service, announcer: network }), 'fetch-requests': async () => fetcher.wake() }
}
