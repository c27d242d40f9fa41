import type { DealDriver } from './driver.ts'

/**
 * The provider comes for its proposals itself, at the portal (`pending_proposals`), or the operator brings them (`keepsake deals export`). Nobody is called
 * from here, so nothing can be lost on the way.
 */
export const selfService: DealDriver = {
  name: 'self-service',
  deliver: async () => ({ kind: 'waits' }),
}
