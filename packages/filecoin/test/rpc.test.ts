import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { sharedData } from '../../../test/setup/shared-data.ts'
import { decodeMarketState } from '../src/actors/market.ts'
import { formatAddress, idAddress } from '../src/address.ts'
import { type BlockHeader, blockCid, decodeBlockHeader } from '../src/block-header.ts'
import { requireBlock } from '../src/blocks.ts'
import { chainCid } from '../src/cid.ts'
import { blocksOf, chainHead, readObject, tipSetByHeight, tipSetsOf } from '../src/rpc/chain.ts'
import { openRpc, type Rpc } from '../src/rpc/client.ts'
import { ancestorAt, followHead, type HeadChange, pathBetween } from '../src/rpc/head-changes.ts'
import { bytesJson, cidJson } from '../src/rpc/json.ts'
import { chainNotices } from '../src/rpc/notices.ts'
import { beaconEntry, minerInfo, networkName, searchMessage } from '../src/rpc/state.ts'
import type { TipSet } from '../src/rpc/tip-set.ts'
import { checkTime } from '../src/rpc/tip-set-rules.ts'
import { findActor } from '../src/state-tree.ts'
import { readChain } from './real-chain.ts'
import { startNode, startNotifier } from './rpc-node.ts'

const genesis = await readChain('mainnet-genesis-to-epoch3.car')
const openRpcDocument = sharedData('filecoin/rpc/lotus-v1-openrpc-full.json.gz')

/** Examples of results in the documentation of Lotus. */
function exampleOf(method: string): unknown {
  const document = JSON.parse(gunzipSync(readFileSync(openRpcDocument!)).toString()) as {
    methods: { name: string; result: { schema: { examples: unknown[] } } }[]
  }
  return document.methods.find(({ name }) => name === `Filecoin.${method}`)!.result.schema.examples[0]
}

const anything = CID.parse('bafy2bzacea3wsdh6y3a36tb3skempjoxqpuyompjbmfeyf34fi3uy6uue42v4')

describe('a call', () => {
  it('goes to the next node when one is away, slow, busy or speaks no JSON, and stays with the one that answers', async () => {
    await using good = await startNode(() => ({ result: 'mainnet' }))
    await using slow = await startNode(() => () => {})
    await using busy = await startNode(() => (response) => void response.writeHead(429).end('{}'))
    await using page = await startNode(() => (response) => void response.end('<html>'))
    const endpoints = [{ url: 'http://127.0.0.1:1/' }, slow, busy, page, good]
    const rpc = openRpc({ endpoints, timeoutMs: 300 })
    expect(await rpc.call('StateNetworkName', [])).toBe('mainnet')
    expect(await rpc.call('StateNetworkName', [])).toBe('mainnet')
    expect([slow.calls.length, busy.calls.length, page.calls.length, good.calls.length]).toEqual([1, 1, 1, 2])
    expect(rpc.endpoint.url).toBe(good.url)
  })

  it('says of every node why it did not answer', async () => {
    await using busy = await startNode(() => (response) => void response.writeHead(503).end('{}'))
    const rpc = openRpc({ endpoints: [{ url: 'http://127.0.0.1:1/' }, busy], timeoutMs: 300 })
    await expect(rpc.call('ChainHead', [])).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: expect.stringContaining('status 503'),
    })
  })

  it.each([200, 500])('takes a refusal for one whatever the status: %i', async (status) => {
    await using node = await startNode(() => ({ error: { code: 1, message: 'actor not found' } }), status)
    await expect(openRpc({ endpoints: [node] }).call('StateGetActor', [])).rejects.toMatchObject({
      code: 'REFUSED',
      rpcCode: 1,
      message: 'StateGetActor: actor not found',
    })
  })

  it('asks the next node for what one refuses, and gives the words of the first where all do', async () => {
    await using starting = await startNode(() => ({ error: { code: 1, message: 'the node is synchronising' } }))
    await using young = await startNode((method) =>
      method.startsWith('Chain') ? { result: 7 } : { error: { code: 1, message: 'not found' } },
    )
    const rpc = openRpc({ endpoints: [{ url: 'http://127.0.0.1:1/' }, starting, young] })
    expect(await rpc.call('ChainHead', [])).toBe(7)
    expect(rpc.endpoint.url).toBe(young.url)
    await expect(rpc.call('StateGetActor', [])).rejects.toMatchObject({ code: 'REFUSED', message: 'StateGetActor: not found' })
  })

  it('goes to no node that was not admitted, and asks whether it is again after it was away', async () => {
    let network = 'calibrationnet'
    let isAway = false
    await using other = await startNode((method) => {
      if (isAway) return (response) => void response.destroy()
      return { result: method === 'StateNetworkName' ? network : 5 }
    })
    await using good = await startNode((method) => ({ result: method === 'StateNetworkName' ? 'mainnet' : 7 }))
    const admit = async (node: Rpc) => {
      const name = await networkName(node)
      if (name !== 'mainnet') throw new Error(`it is of ${name}`)
    }
    const rpc = openRpc({ endpoints: [other, good], admit })
    expect(await rpc.call('X', [])).toBe(7)
    expect(other.calls).not.toContain('Filecoin.X')
    await expect(openRpc({ endpoints: [other], admit }).call('X', [])).rejects.toThrow('it is of calibrationnet')
    network = 'mainnet'
    rpc.passOver()
    expect(await rpc.call('X', [])).toBe(5)
    isAway = true
    expect(await rpc.call('X', [])).toBe(7)
    isAway = false
    network = 'calibrationnet'
    rpc.passOver()
    expect(await rpc.call('X', [])).toBe(7)
  })

  it('asks another node for a method that one does not know', async () => {
    await using old = await startNode(() => ({ error: { code: -32601, message: "method 'Filecoin.X' not found" } }))
    await using good = await startNode(() => ({ result: 7 }))
    expect(await openRpc({ endpoints: [old, good] }).call('X', [])).toBe(7)
    await expect(openRpc({ endpoints: [old] }).call('X', [])).rejects.toMatchObject({ code: 'REFUSED' })
  })

  it('goes to the next node when one answers something untrue, and stays there', async () => {
    await using liar = await startNode(() => ({ result: 5 }))
    await using good = await startNode(() => ({ result: 'mainnet' }))
    const rpc = openRpc({ endpoints: [liar, good] })
    expect([await networkName(rpc), await networkName(rpc)]).toEqual(['mainnet', 'mainnet'])
    expect([liar.calls.length, good.calls.length]).toEqual([1, 2])
    await expect(networkName(openRpc({ endpoints: [liar, liar] }))).rejects.toMatchObject({ code: 'UNTRUE' })
  })

  it('refuses an answer without end', async () => {
    await using node = await startNode(() => (response) => {
      const more = () => response.write('x'.repeat(65_536), () => !response.destroyed && more())
      more()
    })
    const rpc = openRpc({ endpoints: [node], maxAnswerBytes: 1_000_000 })
    await expect(rpc.call('ChainHead', [])).rejects.toMatchObject({ message: expect.stringContaining('more than 1000000 bytes') })
  })

  it('ends when it is given up', async () => {
    await using slow = await startNode(() => () => {})
    const calling = openRpc({ endpoints: [slow] }).call('ChainHead', [], { signal: AbortSignal.timeout(50) })
    await expect(calling).rejects.toMatchObject({ name: 'TimeoutError' })
  })
})

describe.skipIf(!genesis)('a block of the chain', () => {
  it('is read by its CID, and the market through it', async () => {
    await using node = await startNode((_method, [named]) => {
      const bytes = genesis!.get(CID.parse((named as { '/': string })['/']))
      return bytes ? { result: bytesJson(bytes) } : { error: { code: 1, message: 'ipld: could not find it' } }
    })
    const get = blocksOf(openRpc({ endpoints: [node] }))
    let cid = genesis!.roots[0]!
    let head = decodeBlockHeader(requireBlock(cid, await get(cid)))
    for (; head.height > 0; head = decodeBlockHeader(requireBlock(cid, await get(cid)))) cid = head.parents[0]!
    const market = await findActor(get, head.parentStateRoot, idAddress(5))
    expect(decodeMarketState(requireBlock(market!.head, await get(market!.head))).layout).toBe('v0')
    expect(await get(anything)).toBeUndefined()
  })

  it('is refused when the node gives other bytes', async () => {
    await using node = await startNode(() => ({ result: bytesJson(Uint8Array.of(1, 2, 3)) }))
    const rpc = openRpc({ endpoints: [node] })
    await expect(readObject(rpc, genesis!.roots[0]!)).rejects.toMatchObject({ code: 'UNTRUE' })
    await expect(blocksOf(rpc)(genesis!.roots[0]!)).rejects.toMatchObject({ code: 'UNTRUE' })
  })
})

describe.skipIf(!openRpcDocument)('what Lotus documents', () => {
  it('is read: the head of mainnet, whose header has its CID', async () => {
    await using node = await startNode((method) => ({ result: exampleOf(method) }))
    const rpc = openRpc({ endpoints: [node] })
    expect(await chainHead(rpc)).toMatchObject({ height: 4_863_283 })
    expect(formatAddress((await minerInfo(rpc, idAddress(1))).worker)).toMatch(/^f0/)
    await expect(searchMessage(rpc, chainCid(Uint8Array.of(1)), 10)).rejects.toMatchObject({ code: 'UNTRUE' })
    expect((await searchMessage(rpc, anything, 10))?.height).toBe(10101)
    expect((await beaconEntry(rpc, 10)).length).toBeGreaterThan(0)
  })

  it('is refused when one word of it is changed', async () => {
    const head = exampleOf('ChainHead') as { Blocks: { Height: number; Timestamp: number }[] }
    head.Blocks[0]!.Timestamp++
    await using node = await startNode(() => ({ result: head }))
    await expect(chainHead(openRpc({ endpoints: [node] }))).rejects.toMatchObject({ code: 'UNTRUE' })
  })
})

/** A chain of its own: headers that differ only where they must. */
function chainOf() {
  const base: BlockHeader = {
    miner: idAddress(1000),
    ticket: null,
    electionProof: null,
    beaconEntries: [],
    winPostProofs: [],
    parents: [],
    parentWeight: 0n,
    height: 0,
    parentStateRoot: anything,
    parentMessageReceipts: anything,
    messages: anything,
    blsAggregate: null,
    timestamp: 1,
    blockSignature: null,
    forkSignaling: 0,
    parentBaseFee: 100n,
  }
  const known = new Map<string, TipSet>()
  const add = (parent: TipSet | undefined, height: number, timestamp = 1, parentWeight = BigInt(height)): TipSet => {
    const block = { ...base, parents: parent?.cids ?? [], height, timestamp, parentWeight }
    const tipSet = { cids: [blockCid(block)], blocks: [block], height }
    known.set(tipSet.cids[0]!.toString(), tipSet)
    return tipSet
  }
  return { add, find: (key: { '/': string }[]) => known.get(key[0]!['/'])! }
}

function shown({ cids, blocks, height }: TipSet) {
  const Blocks = blocks.map((block) => ({
    Miner: formatAddress(block.miner),
    Ticket: null,
    ElectionProof: null,
    BeaconEntries: null,
    WinPoStProof: null,
    Parents: block.parents.map(cidJson),
    ParentWeight: String(block.parentWeight),
    Height: block.height,
    ParentStateRoot: cidJson(block.parentStateRoot),
    ParentMessageReceipts: cidJson(block.parentMessageReceipts),
    Messages: cidJson(block.messages),
    BLSAggregate: null,
    Timestamp: block.timestamp,
    BlockSig: null,
    ForkSignaling: 0,
    ParentBaseFee: '100',
  }))
  return { Cids: cids.map(cidJson), Blocks, Height: height }
}

const heights = (changes: HeadChange[]) => changes.map(({ type, tipSet }) => `${type} ${tipSet.height}`)

describe('the head of the chain', () => {
  it('is followed over a reorganisation: what left the chain comes first, newest first', async () => {
    const chain = chainOf()
    const trunk = chain.add(chain.add(undefined, 0), 1)
    const left = chain.add(chain.add(trunk, 2), 3)
    const right = chain.add(chain.add(chain.add(trunk, 2, 9), 4, 9), 5, 9)
    await using node = await startNode((_method, [key]) => ({ result: shown(chain.find(key as { '/': string }[])) }))
    const rpc = openRpc({ endpoints: [node] })
    expect(heights(await pathBetween(tipSetsOf(rpc), left, right))).toEqual([
      'revert 3',
      'revert 2',
      'apply 2',
      'apply 4',
      'apply 5',
    ])
    expect(heights(await pathBetween(tipSetsOf(rpc), trunk, left))).toEqual(['apply 2', 'apply 3'])
    expect(await pathBetween(tipSetsOf(rpc), left, left)).toEqual([])
    await expect(pathBetween(tipSetsOf(rpc), left, right, { maxDepth: 1 })).rejects.toThrow('part more than 1 tipsets ago')
    await expect(pathBetween(tipSetsOf(rpc), left, chain.add(undefined, 0, 7))).rejects.toThrow('different networks')
  })

  it('is not taken for another when the node answers with a tipset nobody asked for', async () => {
    const chain = chainOf()
    const first = chain.add(undefined, 0)
    const head = chain.add(chain.add(first, 1), 2)
    const other = chain.add(first, 1, 9)
    await using node = await startNode(() => ({ result: shown(other) }))
    const rpc = openRpc({ endpoints: [node] })
    await expect(pathBetween(tipSetsOf(rpc), first, head)).rejects.toMatchObject({ code: 'UNTRUE' })
    await expect(tipSetByHeight(rpc, 0)).rejects.toMatchObject({ code: 'UNTRUE' })
  })

  it('is on top of tipsets that are earlier and weigh less, or it is none', async () => {
    const chain = chainOf()
    const first = chain.add(undefined, 0)
    const [light, early] = [chain.add(chain.add(first, 1), 2, 1, 1n), chain.add(chain.add(first, 5), 5, 9)]
    await using node = await startNode((_method, [key]) => ({ result: shown(chain.find(key as { '/': string }[])) }))
    const get = tipSetsOf(openRpc({ endpoints: [node] }))
    expect((await ancestorAt(get, chain.add(chain.add(first, 1), 4), 3)).height).toBe(1)
    await expect(ancestorAt(get, light, 0)).rejects.toThrow('weighs no more than without its parent')
    await expect(ancestorAt(get, early, 0)).rejects.toThrow('a block of epoch 5 on top of one of epoch 5')
  })

  it('is of its time', () => {
    const chain = chainOf()
    const clock = { genesisSeconds: 1_000, epochSeconds: 30 }
    const at = (seconds: number) => new Date(seconds * 1000)
    expect(() => checkTime(chain.add(undefined, 4, 1_120), clock, at(1_120))).not.toThrow()
    expect(() => checkTime(chain.add(undefined, 4, 1_120), clock, at(1_050))).toThrow('which begins at 1970-01-01T00:18:40.000Z')
    expect(() => checkTime(chain.add(undefined, 4, 1_150), clock, at(1_200))).toThrow('a block of epoch 4 with the time 1150')
  })

  it('is followed by asking, also over a time in which no node answers', async () => {
    const chain = chainOf()
    const first = chain.add(undefined, 0)
    let head = first
    let isAway = false
    await using node = await startNode((method, [key]) => {
      if (isAway) return (response) => void response.writeHead(503).end('{}')
      return { result: shown(method === 'ChainHead' ? head : chain.find(key as { '/': string }[])) }
    })
    const stop = new AbortController()
    const told: string[] = []
    const troubles: string[] = []
    const following = (async () => {
      const options = { intervalMs: 10, signal: stop.signal, onTrouble: (error: Error) => troubles.push(error.message) }
      for await (const changes of followHead(openRpc({ endpoints: [node] }), first, options)) told.push(...heights(changes))
    })()
    head = chain.add(head, 1)
    await expect.poll(() => told).toEqual(['apply 1'])
    isAway = true
    head = chain.add(chain.add(head, 2), 3)
    await expect.poll(() => troubles.length).toBeGreaterThan(0)
    expect(told).toEqual(['apply 1'])
    isAway = false
    await expect.poll(() => told).toEqual(['apply 1', 'apply 2', 'apply 3'])
    stop.abort()
    await following
  })
})

describe('notices of a node', () => {
  it('come when its head changes, and again after the connection broke', async () => {
    await using notifier = await startNotifier()
    const stop = new AbortController()
    let notices = 0
    const listening = (async () => {
      for await (const _ of chainNotices(notifier, { signal: stop.signal, reconnectMs: 20 })) notices++
    })()
    await expect.poll(() => notifier.subscribers()).toBe(1)
    notifier.tell()
    await expect.poll(() => notices).toBe(1)
    notifier.breakOff()
    await expect.poll(() => notifier.subscribers()).toBe(1)
    notifier.tell()
    await expect.poll(() => notices).toBe(2)
    stop.abort()
    await listening
  })

  it('tell when there is none to be had, when the node refuses, and when it falls silent', async () => {
    await using silent = await startNotifier()
    await using refusing = await startNotifier({ refuses: true })
    const stop = new AbortController()
    const troubles: string[] = []
    const options = {
      signal: stop.signal,
      reconnectMs: 1_000,
      silenceMs: 100,
      onTrouble: ({ message }: Error) => troubles.push(message),
    }
    const listen = async (url: string) => {
      for await (const _ of chainNotices({ url }, options));
    }
    const listening = Promise.all([listen(silent.url), listen(refusing.url), listen('http://127.0.0.1:1/')])
    await expect
      .poll(() => troubles.toSorted().map((text) => text.replace(/.* ended: /, '')), { timeout: 10_000 })
      .toEqual(expect.arrayContaining(['it cannot be reached', 'silent for 100 ms', 'the node refuses it']))
    stop.abort()
    await listening
  })
})
