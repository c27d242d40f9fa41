import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Libp2p, Stream } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { listPeers } from '../../src/network/peer-instances.ts'
import type { WantEntry } from '../../src/peer/bitswap/message.ts'
import { bitswapProtocol, decodeMessage, encodeMessage } from '../../src/peer/bitswap/message.ts'
import { openPeer, type TestPeer } from './peers.ts'

let ours: TestPeer
const strangers: Libp2p[] = []
beforeAll(async () => {
  ours = await openPeer()
})
afterAll(async () => {
  await Promise.all(strangers.map((stranger) => stranger.stop()))
  await ours?.[Symbol.asyncDispose]()
})

async function startStranger(): Promise<Libp2p> {
  const stranger = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
  })
  strangers.push(stranger)
  return stranger
}

const addressOf = (node: Libp2p) => String(node.getMultiaddrs()[0])
const cidOf = async (bytes: Uint8Array) => CID.createV1(0x55, await sha256.digest(bytes))
const want = (cid: CID): WantEntry => ({ cid, wantsBlock: true, cancel: false, sendDontHave: true })
const stats = async () => await ours.service.peerControl.health()

/** A line to `target` whose far end can stop taking what comes back. */
async function startLine(target: number) {
  const sockets: Socket[] = []
  const server = createServer((near) => {
    const far = connect(target, '127.0.0.1')
    sockets.push(near, far)
    near.pipe(far)
    far.pipe(near)
    for (const socket of [near, far]) socket.on('error', () => {}).on('close', () => [near, far].map((s) => s.destroy()))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as { port: number }).port,
    stopAnswers: () => sockets[1]?.unpipe().pause(),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

/** A stranger that answers each want as `answer` says. */
async function startServing(
  answer: (wants: readonly WantEntry[], reply: (bytes: Uint8Array) => unknown) => void,
): Promise<string> {
  const node = await startStranger()
  await node.handle(bitswapProtocol, async (stream, connection) => {
    let back: Stream | undefined
    const { readFrames } = await import('../../src/peer/bitswap/frames.ts')
    readFrames(stream, {
      pending: { total: 0 },
      maxFrameBytes: () => 1e6,
      onEnd: () => {},
      onFrame: async (bytes) => {
        back ??= await connection.newStream(bitswapProtocol)
        answer(decodeMessage(bytes).wants, (reply) => back?.writeStatus === 'writable' && back.send(reply))
      },
    })
  })
  return addressOf(node)
}

describe('a provider that', () => {
  // Both take their time by the clock, so they take it together.
  it.concurrent('sends wrong blocks is given up, and the right block taken from somebody else', async () => {
    const bytes = randomBytes(500)
    const cid = await cidOf(bytes)
    const liar = await startServing((wants, reply) => {
      for (const { cid: wanted } of wants) reply(encodeMessage({ blocks: [{ cid: wanted, bytes: randomBytes(500) }] }).subarray())
    })
    await using alone = await ours.network.session(cid, { origins: [liar] })
    await expect(alone.get(cid)).rejects.toMatchObject({ code: 'ERROR_NOT_FETCHED' })
    await using honest = await openPeer()
    await honest.store(bytes)
    await using session = await ours.network.session(cid, { origins: [liar, honest.address] })
    expect(Buffer.compare(await session.get(cid), bytes)).toBe(0)
  }, 60_000)

  it.concurrent('stalls, or sends a byte a second, is left after a while, and the error says so', async () => {
    const cid = await cidOf(randomBytes(500))
    const slow = await startServing(async (wants, reply) => {
      const message = encodeMessage({ blocks: wants.map((w) => ({ cid: w.cid, bytes: randomBytes(1000) })) }).subarray()
      for (const byte of message) {
        reply(Uint8Array.of(byte))
        await sleep(1000)
      }
    })
    await using session = await ours.network.session(cid, { origins: [slow] })
    const startedAt = performance.now()
    await expect(session.get(cid)).rejects.toMatchObject({
      code: 'ERROR_NOT_FETCHED',
      message: expect.stringContaining('gave nothing for 15 s'),
    })
    expect(performance.now() - startedAt).toBeLessThan(45_000)
  }, 60_000)

  it('sends what nobody asked for is let go', async () => {
    const node = await startStranger()
    const asked = Promise.withResolvers<void>()
    await node.handle(bitswapProtocol, () => asked.resolve())
    const connection = await node.dial(multiaddr(ours.address))
    const flood = await connection.newStream(bitswapProtocol)
    await using session = await ours.network.session(await cidOf(randomBytes(10)), { origins: [addressOf(node)] })
    void session.get(await cidOf(randomBytes(10))).catch(() => {})
    await asked.promise
    for (let at = 0; at < 200 && flood.status === 'open'; at++) {
      const bytes = randomBytes(100)
      flood.send(encodeMessage({ blocks: [{ cid: await cidOf(bytes), bytes }] }))
    }
    await expect.poll(() => connection.status, { timeout: 10_000 }).not.toBe('open')
  }, 30_000)
})

describe('a peer that asks', () => {
  it('for a million blocks is noted 1,024 of, and told for those that they are not here', async () => {
    const node = await startStranger()
    const connection = await node.dial(multiaddr(ours.address))
    const stream = await connection.newStream(bitswapProtocol)
    const digest = await sha256.digest(randomBytes(8))
    const wants = Array.from({ length: 4000 }, (_, at) => {
      const bytes = digest.bytes.slice()
      new DataView(bytes.buffer).setUint32(8, at)
      return want(CID.decode(Uint8Array.of(1, 0x55, ...bytes)))
    })
    const message = encodeMessage({ wants })
    for (let round = 0; round < 250 && stream.status === 'open'; round++) {
      if (!stream.send(message.sublist())) await stream.onDrain()
    }
    await expect.poll(async () => (await stats()).bitswapWants, { timeout: 20_000 }).toBeLessThanOrEqual(1024)
    expect((await stats()).bitswapPendingBytes).toBeLessThan(1e6)
  }, 120_000)

  it('and reads nothing holds two messages at most in memory, and is let go', async () => {
    const cids: CID[] = []
    for (let at = 0; at < 40; at++) cids.push(await ours.store(randomBytes(256 * 1024)))
    const node = await startStranger()
    await node.handle(bitswapProtocol, () => {})
    await using line = await startLine(Number(/tcp\/(\d+)/.exec(ours.address)?.[1]))
    const connection = await node.dial(multiaddr(ours.address.replace(/tcp\/\d+/, `tcp/${line.port}`)))
    const before = (await stats()).bitswapBytesSent as number
    const stream = await connection.newStream(bitswapProtocol)
    stream.send(encodeMessage({ wants: [want(await ours.store(randomBytes(10)))] }))
    await expect.poll(async () => (await stats()).bitswapBytesSent).toBe(before + 10)
    line.stopAnswers()
    stream.send(encodeMessage({ wants: cids.map(want) }))
    await sleep(3000)
    expect(((await stats()).bitswapBytesSent as number) - before).toBeLessThan(3 * 1024 * 1024)
    expect((await stats()).bitswapWants).toBeGreaterThan(20)
    await expect.poll(() => connection.status, { timeout: 45_000 }).not.toBe('open')
    expect((await stats()).bitswapWants).toBe(0)
  }, 90_000)

  it.each([
    // Not by chance: a length that happens to fit would be waited for.
    ['noise', Buffer.concat([Uint8Array.of(100), Buffer.alloc(2000, 0x07)])],
    ['a message of a gigabyte', Uint8Array.of(0x80, 0x80, 0x80, 0x80, 0x04, 1, 2, 3)],
    ['a want for no CID', Uint8Array.of(8, 0x0a, 6, 0x0a, 4, 0x0a, 2, 9, 9)],
    ['a length without end', new Uint8Array(20).fill(0xff)],
  ])(
    'in %s has its stream reset, and others are served as before',
    async (_what, bytes) => {
      const node = await startStranger()
      const connection = await node.dial(multiaddr(ours.address))
      const stream = await connection.newStream(bitswapProtocol)
      stream.send(bytes as Uint8Array)
      await expect.poll(() => stream.status, { timeout: 10_000 }).toBe('reset')
      const cid = await ours.store(randomBytes(100))
      await using other = await openPeer()
      await using session = await other.network.session(cid, { origins: [ours.address] })
      expect((await session.get(cid)).length).toBe(100)
    },
    60_000,
  )
})

describe('the peer', () => {
  it('says that it lives, with its numbers', async () => {
    const [row] = await listPeers(ours.service.database)
    expect(row).toMatchObject({ peerId: ours.peerId, addresses: ours.addresses() })
    expect(row?.controlUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    expect((await stats()).memoryBytes).toBeGreaterThan(1e6)
  })
})
