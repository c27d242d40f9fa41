import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { formatAddress, idAddress } from '@keepsake/filecoin/address.ts'
import { messageCid } from '@keepsake/filecoin/message.ts'
import { chainHead, getTipSet, tipSetByHeight } from '@keepsake/filecoin/rpc/chain.ts'
import { openRpc, type Rpc } from '@keepsake/filecoin/rpc/client.ts'
import { bytesJson } from '@keepsake/filecoin/rpc/json.ts'
import { networkName, searchMessage } from '@keepsake/filecoin/rpc/state.ts'
import { type Signer, secpSigner } from '@keepsake/filecoin/signature.ts'
import { CID } from 'multiformats/cid'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FIL } from '../src/chain/genesis.ts'
import { market, SEND } from '../src/messages/methods.ts'
import { startNode } from '../src/node.ts'
import { openByHand } from './chain-by-hand.ts'
import { makePiece, proposalFor, published, testProvider } from './provider.ts'
import { readDeal } from './reading.ts'

let directory: string
const children: ChildProcess[] = []
const client = secpSigner(new Uint8Array(32).fill(7))

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'keepsake-devnet-'))
})
afterEach(async () => {
  for (const child of children.splice(0)) if (child.exitCode === null) child.kill('SIGKILL')
  await rm(directory, { recursive: true, force: true })
})

interface Running {
  rpcUrl: string
  network: string
  genesis: string
  rpc: Rpc
  kill(): Promise<void>
}

async function spawnNode(): Promise<Running> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'node-process.ts'), directory, '50'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  const told = JSON.parse(line) as { rpcUrl: string; network: string; genesis: string }
  return {
    ...told,
    rpc: openRpc({ endpoints: [{ url: told.rpcUrl }] }),
    async kill() {
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
    },
  }
}

async function push(rpc: Rpc, signer: Signer, to: number, method: number, params = new Uint8Array()): Promise<CID> {
  const nonce = (await rpc.call('MpoolGetNonce', [formatAddress(signer.address, 't')])) as number
  const message = {
    version: 0,
    to: idAddress(to),
    from: signer.address,
    nonce,
    value: 0n,
    gasLimit: 1,
    gasFeeCap: 0n,
    gasPremium: 0n,
  }
  const complete = { ...message, method, params }
  const { kind, bytes } = signer.sign(messageCid(complete).bytes)
  const json = {
    Message: {
      Version: 0,
      To: `t0${to}`,
      From: formatAddress(signer.address, 't'),
      Nonce: nonce,
      Value: '0',
      GasLimit: 1,
      GasFeeCap: '0',
      GasPremium: '0',
      Method: method,
      Params: bytesJson(params),
    },
    Signature: { Type: kind === 'bls' ? 2 : 1, Data: bytesJson(bytes) },
  }
  return CID.parse(((await rpc.call('MpoolPush', [json])) as { '/': string })['/'])
}

describe('a network', () => {
  it('goes on where it was after its process was killed at any moment', async () => {
    const first = await startNode({ directory, epochMs: 50 })
    const firstRpc = openRpc({ endpoints: [{ url: first.rpcUrl }] })
    await first.fund(client.address, FIL)
    const provider = testProvider(first, firstRpc)
    const held = makePiece()
    const soon = { startEpoch: first.height + 20_000, endEpoch: first.height + 40_000 }
    const [dealId] = await provider.publish(published(client, proposalFor(provider.here(), client, held, soon)))
    await provider.store(1, held, dealId!)
    await first.stop()

    let last: { cids: CID[]; height: number } | undefined
    for (let round = 0; round < 6; round++) {
      const node = await spawnNode()
      expect(node).toMatchObject({ network: first.network, genesis: first.genesis.toString() })
      expect(await networkName(node.rpc)).toBe(first.network)
      if (last) {
        const head = await chainHead(node.rpc)
        expect(head.height).toBeGreaterThan(last.height)
        // What was seen before the kill is on the chain still, and its blocks read as what they are.
        const kept = await tipSetByHeight(node.rpc, last.height)
        expect(kept.cids.map(String)).toEqual(last.cids.map(String))
      }
      expect((await readDeal(node.rpc, dealId!)).state).toMatchObject({ sector: 1, slashEpoch: -1 })
      const sent = await push(node.rpc, client, 5, SEND)
      await new Promise((resolve) => setTimeout(resolve, 20 + round * 37))
      last = await chainHead(node.rpc)
      await node.kill()

      // A message that the node took is executed, before or after the kill.
      const next = await spawnNode()
      await expect
        .poll(() => searchMessage(next.rpc, sent, -1, { prefix: 't' }), { timeout: 10_000 })
        .toMatchObject({ exitCode: 0 })
      await next.kill()
    }
  }, 90_000)

  it('has no block for the epochs in which it did not run', async () => {
    const first = await startNode({ directory, epochMs: 50 })
    await first.fund(client.address, FIL)
    const before = first.height
    await first.stop()
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    const again = await startNode({ directory, epochMs: 9_999 })
    expect(again.epochMs).toBe(50)
    const rpc = openRpc({ endpoints: [{ url: again.rpcUrl }] })
    const inGap = await tipSetByHeight(rpc, before + 10)
    expect(inGap.height).toBeLessThanOrEqual(before + 1)
    const after = (await rpc.call('ChainGetTipSetAfterHeight', [before + 10, null])) as { Height: number }
    expect(after.Height).toBeGreaterThan(before + 15)
    const head = await chainHead(rpc)
    expect(head.height).toBeGreaterThan(before + 15)
    expect((await getTipSet(rpc, head.blocks[0]!.parents)).height).toBeLessThan(head.height)
    expect(Math.abs(head.blocks[0]!.timestamp - Date.now() / 1000)).toBeLessThan(5)
    await again.stop()
  })

  it('keeps messages that wait, and their order, over a restart', async () => {
    const by = await openByHand({ directory })
    by.chain.push(by.signed(by.client, { to: idAddress(5), method: SEND }))
    const { message } = by.signed(by.client, { to: idAddress(5), method: market.addBalance })
    by.chain.push(by.signed(by.client, { ...message, nonce: message.nonce + 1 }))
    const waiting = by.chain.mempool.list()
    by.network.close()
    const again = await openByHand({ directory })
    expect(again.chain.mempool.list()).toEqual(waiting)
    again.advance()
    expect(again.chain.mempool.list()).toEqual([])
    again.network.close()
  })
})
