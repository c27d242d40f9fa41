import { randomInt } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodeInitState, resolveAddress } from '@keepsake/filecoin/actors/init.ts'
import { idAddress, idOf } from '@keepsake/filecoin/address.ts'
import { type AmtEntry, amtEntries } from '@keepsake/filecoin/amt.ts'
import { buildAmt } from '@keepsake/filecoin/amt-build.ts'
import { blockCid, encodeBlockHeader } from '@keepsake/filecoin/block-header.ts'
import { encode, integer } from '@keepsake/filecoin/cbor/writer.ts'
import { chainCid } from '@keepsake/filecoin/cid.ts'
import { blocksOf, chainHead, getTipSet } from '@keepsake/filecoin/rpc/chain.ts'
import { openRpc, type Rpc } from '@keepsake/filecoin/rpc/client.ts'
import { followHead, type HeadChange } from '@keepsake/filecoin/rpc/head-changes.ts'
import { chainNotices } from '@keepsake/filecoin/rpc/notices.ts'
import { accountKey, getActor, lookUpId, minerInfo } from '@keepsake/filecoin/rpc/state.ts'
import { secpSigner, verifySignature } from '@keepsake/filecoin/signature.ts'
import { findActor } from '@keepsake/filecoin/state-tree.ts'
import { bls12_381 } from '@noble/curves/bls12-381.js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FIL } from '../src/chain/genesis.ts'
import { type DevnetNode, startNode } from '../src/node.ts'
import { chainArray } from '../src/state/array.ts'
import { openByHand } from './chain-by-hand.ts'
import { makePiece, proposalFor, published, testProvider } from './provider.ts'
import { readDeal } from './reading.ts'

const client = secpSigner(new Uint8Array(32).fill(7))

describe('a chain that others read', () => {
  let directory: string
  let node: DevnetNode
  let rpc: Rpc
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'keepsake-devnet-'))
    node = await startNode({ directory, epochMs: 50 })
    rpc = openRpc({ endpoints: [{ url: node.rpcUrl }] })
    await node.fund(client.address, 10n * FIL)
  })
  afterAll(async () => {
    await node.stop()
    await rm(directory, { recursive: true, force: true })
  })

  it('has headers that encode to their CIDs and are signed by their maker, down to the first', async () => {
    let tipSet = await chainHead(rpc)
    const { worker } = await minerInfo(rpc, tipSet.blocks[0]!.miner)
    const maker = await accountKey(rpc, worker)
    let heights = 0
    for (;;) {
      const [header] = tipSet.blocks
      expect(blockCid(header!).equals(tipSet.cids[0])).toBe(true)
      const unsigned = encodeBlockHeader({ ...header!, blockSignature: null })
      expect(verifySignature(header!.blockSignature!, maker, unsigned)).toBe(true)
      heights++
      if (header!.height === 0) break
      const parent = await getTipSet(rpc, header!.parents)
      expect(parent.height).toBeLessThan(header!.height)
      expect(header!.parentWeight).toBeGreaterThanOrEqual(parent.blocks[0]!.parentWeight)
      tipSet = parent
    }
    expect(heights).toBeGreaterThan(3)
    expect(tipSet.cids[0]!.equals(node.genesis)).toBe(true)
  })

  it('has a state in which every actor is found by readers that know nothing of this network', async () => {
    const get = blocksOf(rpc)
    const { blocks } = await chainHead(rpc)
    const root = blocks[0]!.parentStateRoot
    const init = decodeInitState((await get((await findActor(get, root, idAddress(1)))!.head))!)
    expect(init.networkName).toBe(node.network)
    const id = await resolveAddress(get, init, client.address)
    expect((await findActor(get, root, id!))?.balance).toBe(10n * FIL)
    expect(idOf(await lookUpId(rpc, client.address))).toBe(idOf(id!))
    expect((await getActor(rpc, client.address)).balance).toBe(10n * FIL)
    for (const { actorId, keys } of node.providers) {
      const { worker } = await minerInfo(rpc, idAddress(actorId))
      expect(await accountKey(rpc, worker)).toEqual(keys.worker.address)
    }
  })

  it('aggregates the signatures that BLS keys made over messages of a block', async () => {
    const [{ keys }] = node.providers as [DevnetNode['providers'][number]]
    const sent = node.send(keys.worker, { to: client.address, method: 0, value: 1n })
    const { height } = await node.outcome(sent)
    const child = (await rpc.call('ChainGetTipSetByHeight', [height, null])) as { Blocks: { Parents: { '/': string }[] }[] }
    const [parent] = child.Blocks[0]!.Parents
    const listed = (await rpc.call('ChainGetBlockMessages', [parent])) as { BlsMessages: unknown[]; Cids: { '/': string }[] }
    expect(listed.BlsMessages).toHaveLength(1)
    expect(listed.Cids[0]!['/']).toBe(sent.toString())
    const header = (await rpc.call('ChainGetBlock', [parent])) as { BLSAggregate: { Data: string } }
    const { longSignatures: scheme } = bls12_381
    const hashed = scheme.hash(sent.bytes, 'BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_NUL_')
    const aggregate = new Uint8Array(Buffer.from(header.BLSAggregate.Data, 'base64'))
    expect(scheme.verify(aggregate, hashed, keys.worker.address.payload)).toBe(true)
  })

  it('tells over a websocket of every change, and a reorganisation undoes a published deal', async () => {
    const provider = testProvider(node, rpc)
    await provider.reach(node.height + 10)
    const stop = new AbortController()
    const changes: HeadChange[] = []
    const start = await chainHead(rpc)
    const notices = chainNotices({ url: node.rpcUrl }, { signal: stop.signal })
    // Only notices make it ask.
    const following = (async () => {
      for await (const path of followHead(rpc, start, { signal: stop.signal, intervalMs: 60_000, notices })) changes.push(...path)
    })()
    const [dealId] = await provider.publish(published(client, proposalFor(provider.here(), client, makePiece())))
    expect((await readDeal(rpc, dealId!)).proposal).toBeDefined()
    const depth = node.height - start.height
    await node.reorg(depth)
    expect((await readDeal(rpc, dealId!)).proposal).toBeUndefined()
    await expect.poll(() => changes.filter(({ type }) => type === 'revert').length, { timeout: 10_000 }).toBeGreaterThan(1)
    const known = await chainHead(rpc)
    await expect.poll(() => changes.some(({ tipSet }) => tipSet.cids[0]!.equals(known.cids[0]))).toBe(true)
    stop.abort()
    await following
    const [again] = await provider.publish(published(client, proposalFor(provider.here(), client, makePiece())))
    expect((await readDeal(rpc, again!)).proposal).toBeDefined()
    await expect(node.reorg(1_000_000)).rejects.toThrow(RangeError)
  })
})

describe('an array of the chain', () => {
  it('is written the same after any changes as if it were built anew', async () => {
    for (const bitWidth of [3, 5, 6]) {
      const blocks = new Map<string, Uint8Array>()
      const put = (bytes: Uint8Array) => {
        const cid = chainCid(bytes)
        blocks.set(cid.toString(), bytes)
        return cid
      }
      const array = chainArray(bitWidth)
      const model = new Map<number, Uint8Array>()
      for (let round = 0; round < 60; round++) {
        for (let change = randomInt(8); change >= 0; change--) {
          const index = randomInt(round < 40 ? 3_000 : 90)
          if (randomInt(3) === 0) {
            array.delete(index)
            model.delete(index)
          } else {
            const value = encode(integer(randomInt(1_000)))
            array.set(index, value)
            model.set(index, value)
          }
        }
        const isShrinking = round === 45
        for (const index of isShrinking ? [...model.keys()].filter((at) => at >= 90) : []) {
          array.delete(index)
          model.delete(index)
        }
        const entries: AmtEntry[] = [...model].sort(([a], [b]) => a - b).map(([index, value]) => ({ index, value }))
        const root = array.save(put)
        expect(root.toString()).toBe(buildAmt(put, entries, bitWidth).toString())
        expect(array.size).toBe(model.size)
        expect(array.entries()).toEqual(entries)
        expect(await Array.fromAsync(amtEntries((cid) => blocks.get(cid.toString()), root))).toEqual(entries)
      }
    }
  })
})

describe('what is kept', () => {
  it('is every header, and the states of the last epochs; older ones go, and nothing that is still in use with them', async () => {
    const by = await openByHand()
    const dealId = await by.publish(by.offer(by.piece(), { startEpoch: 6_000, endEpoch: 7_000 }))
    const early = by.chain.head
    // A state that nobody changes stays the same, and is one.
    by.advance(30)
    expect(by.chain.head.state).toEqual(early.state)
    await by.publish(by.offer(by.piece(), { startEpoch: 6_000, endEpoch: 7_000 }))
    for (let epoch = 1_000; epoch <= 5_000; epoch += 100) by.chain.extend(epoch)
    expect(by.chain.get(early.state)).toBeUndefined()
    expect(by.chain.header(early.block).height).toBe(early.height)
    expect((await by.deal(dealId)).proposal).toBeDefined()
    // Opened anew it reads all of its state from what is left.
    by.network.close()
    const again = await openByHand({ directory: by.folder })
    expect((await again.deal(dealId)).proposal).toBeDefined()
    expect(again.chain.head.block).toEqual(by.chain.head.block)
    again.advance()
    await again.close()
    await rm(by.folder, { recursive: true })
  })
})
