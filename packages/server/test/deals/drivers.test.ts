import { selfService } from '../../src/deals/drivers/self-service.ts'
import { listPending } from '../../src/providers/pending.ts'
import { driverContract } from './drivers-contract.ts'

driverContract(() => ({
  driver: selfService,
  async receive({ database, facts, chain }, providerId) {
    const components = { database, facts, sourceOf: () => 'http://localhost/piece' }
    const request = { providerId, requestId: 'test', epoch: await chain.epochNow(), clock: await chain.clock(), tenant: 1 }
    const { pending_proposals: pending } = await listPending(components, request)
    return pending.map(({ proposal }) => Buffer.from(proposal, 'base64'))
  },
}))
