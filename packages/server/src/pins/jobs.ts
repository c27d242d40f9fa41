import type { JobHandlers } from '../jobs/worker.ts'
import { auditPins } from './audit-pins.ts'
import { pinContents, retryPins } from './hand-over.ts'
import type { PinComponents } from './sweep.ts'
import { trackPins } from './track-pins.ts'
import { unpinContents } from './unpin-contents.ts'

export function pinJobs(
  components: PinComponents,
): Pick<JobHandlers, 'pin-contents' | 'track-pins' | 'retry-pins' | 'audit-pins' | 'unpin-contents'> {
  return {
    'pin-contents': (_payload, signal) => pinContents(components, signal),
    'track-pins': (_payload, signal) => trackPins(components, signal),
    'retry-pins': (_payload, signal) => retryPins(components, signal),
    'audit-pins': async (_payload, signal) => void (await auditPins(components, signal)),
    'unpin-contents': (_payload, signal) => unpinContents(components, signal),
  }
}
