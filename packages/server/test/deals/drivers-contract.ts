import { decodeClientDealProposal, verifyClientDealProposal } from '@keepsake/filecoin/actors/deal-proposal.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { deliverDeal } from '../../src/deals/deliver.ts'
import type { DealDriver } from '../../src/deals/drivers/driver.ts'
import { proposeDeal } from '../../src/deals/propose.ts'
import { type Desk, openDesk } from './desk.ts'

/** A driver with a provider at its other end. */
export interface DriverUnderTest {
  driver: DealDriver
  /** Lets the provider do what it does to have what waits for it, and gives every proposal it has by then, in CBOR. */
  receive(desk: Desk, providerId: number): Promise<Uint8Array[]>
}

/** What every way to providers has to keep to, whatever it is. */
export function driverContract(open: () => DriverUnderTest): void {
  const { driver, receive } = open()
  describe(`the driver ${driver.name}`, () => {
    let desk: Desk
    beforeAll(async () => {
      desk = { ...(await openDesk()), drivers: new Map([[driver.name, driver]]) }
    })
    afterAll(async () => await desk?.[Symbol.asyncDispose]())

    async function proposed(): Promise<{ id: number; providerId: number }> {
      const id = await desk.reserve()
      await proposeDeal(desk, id)
      await desk.database.kysely.updateTable('deal').set({ driver: driver.name }).where('id', '=', id).execute()
      return { id, providerId: (await desk.row(id)).provider_id }
    }

    it('brings the signed proposal to its provider, byte for byte, and that is noted', async () => {
      const { id, providerId } = await proposed()
      await deliverDeal(desk, id)
      const received = await receive(desk, providerId)
      expect(received).toHaveLength(1)
      expect(Buffer.compare(received[0]!, (await desk.row(id)).proposal!)).toBe(0)
      expect(verifyClientDealProposal(decodeClientDealProposal(received[0]!))).toBe(true)
      expect((await desk.row(id)).state).toBe('delivered')
    })

    it('asked again, before and after and beside itself, makes no second one of it', async () => {
      const { id, providerId } = await proposed()
      await Promise.all([deliverDeal(desk, id), deliverDeal(desk, id), deliverDeal(desk, id)])
      const first = await receive(desk, providerId)
      await deliverDeal(desk, id)
      const second = await receive(desk, providerId)
      expect(new Set([...first, ...second].map((bytes) => Buffer.from(bytes).toString('hex'))).size).toBe(1)
      expect(await desk.eventsOf(id)).toEqual(['reserved', 'proposed', 'delivered'])
    })

    it('brings nothing of a deal that was cancelled', async () => {
      const { id, providerId } = await proposed()
      await desk.database.kysely.updateTable('deal').set({ state: 'failed' }).where('id', '=', id).execute()
      await deliverDeal(desk, id)
      expect(await receive(desk, providerId)).toEqual([])
    })

    it('brings to each provider its own', async () => {
      const one = await proposed()
      const other = await proposed()
      await deliverDeal(desk, one.id)
      await deliverDeal(desk, other.id)
      const [mine] = await receive(desk, one.providerId)
      expect(Buffer.compare(mine!, (await desk.row(one.id)).proposal!)).toBe(0)
      expect((await desk.row(other.id)).state).not.toBe('failed')
    })
  })
}
