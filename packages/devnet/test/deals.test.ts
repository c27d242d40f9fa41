import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openRpc, type Rpc } from '@keepsake/filecoin/rpc/client.ts'
import { secpSigner } from '@keepsake/filecoin/signature.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FIL } from '../src/chain/genesis.ts'
import { type DevnetNode, startNode } from '../src/node.ts'
import { makePiece, proposalFor, published, testProvider } from './provider.ts'
import { readDeal, readSector } from './reading.ts'

let directory: string
let node: DevnetNode
let rpc: Rpc
const troubles: unknown[] = []
const client = secpSigner(new Uint8Array(32).fill(7))

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'keepsake-devnet-'))
  node = await startNode({ directory, epochMs: 100, onTrouble: (error) => troubles.push(error) })
  rpc = openRpc({ endpoints: [{ url: node.rpcUrl }] })
  await node.fund(client.address, 10n * FIL)
})
afterAll(async () => {
  await node.stop()
  await rm(directory, { recursive: true, force: true })
})

describe('a deal', () => {
  it('is published, becomes active with its sector, and is proven', async () => {
    const provider = testProvider(node, rpc)
    const held = makePiece()
    const proposal = proposalFor(provider.here(), client, held)
    const [dealId] = await provider.publish(published(client, proposal))
    const before = await readDeal(rpc, dealId!)
    expect(before.proposal?.pieceCid.toString()).toBe(proposal.pieceCid.toString())
    expect(before.state).toBeUndefined()

    await provider.store(1, held, dealId!)
    const { state } = await readDeal(rpc, dealId!)
    expect(state).toMatchObject({ sector: 1, slashEpoch: -1 })
    const place = await readSector(rpc, provider.actorId, 1)
    expect(place).toMatchObject({ isUnproven: true, isFaulty: false, isTerminated: false })

    const opened = state!.sectorStartEpoch + 2
    await provider.reach(opened)
    await provider.prove(place!.deadline, 1, held, opened)
    expect(await readSector(rpc, provider.actorId, 1)).toMatchObject({ isUnproven: false, isFaulty: false })
    expect(troubles).toEqual([])
  })
})
