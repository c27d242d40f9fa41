import { randomBytes } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import * as dagPb from '@ipld/dag-pb'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { BlockSession } from '../../src/network/network.ts'
import { openPeer, type TestPeer } from './peers.ts'

let first: TestPeer
let second: TestPeer
beforeAll(async () => {
  ;[first, second] = await Promise.all([openPeer(), openPeer()])
})
afterAll(async () => {
  await Promise.all([first?.[Symbol.asyncDispose](), second?.[Symbol.asyncDispose]()])
})

async function cidOf(bytes: Uint8Array): Promise<CID> {
  return CID.createV1(0x55, await sha256.digest(bytes))
}

/** All leaves of a file that `session` gives, in order. */
async function readFile(session: BlockSession, root: CID): Promise<Buffer> {
  if (root.code !== dagPb.code) return Buffer.from(await session.get(root))
  const { Links } = dagPb.decode(await session.get(root))
  return Buffer.concat(await Promise.all(Links.map(({ Hash }) => readFile(session, Hash))))
}

describe('a session', () => {
  it('fetches a whole DAG from an origin, every block checked', async () => {
    const bytes = randomBytes(9_000_000)
    const root = await first.store(bytes)
    await using session = await second.network.session(root, { origins: [first.address] })
    expect(Buffer.compare(await readFile(session, root), bytes)).toBe(0)
  })

  it('finds in the DHT who has it, where no origin was named', async () => {
    const root = await first.store(randomBytes(600_000))
    expect((await first.network.provide(root)).peers).toBeGreaterThan(0)
    // Telling is a message without an answer: whoever is told may be asked before it has read it.
    const findAll = async () => {
      const found: string[] = []
      for await (const { id, addrs } of second.network.findProviders(root)) found.push(...addrs.map((a) => `${a}/p2p/${id}`))
      return found
    }
    await expect.poll(findAll, { timeout: 10_000 }).toContain(first.address)
    await using session = await second.network.session(root, {})
    expect((await readFile(session, root)).length).toBe(600_000)
  })

  it('goes on where an origin cannot be reached, is no address, or names somebody else', async () => {
    const root = await first.store(randomBytes(1000))
    const impostor = first.address.replace(/p2p\/.*/, `p2p/${second.peerId}`)
    const origins = [
      '/ip4/127.0.0.1/tcp/9/p2p/12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8',
      'nonsense',
      impostor,
      first.address,
    ]
    await using session = await second.network.session(root, { origins })
    expect((await session.get(root)).length).toBe(1000)
  })

  it('says so, soon, where nobody has the block', async () => {
    const missing = await cidOf(randomBytes(100))
    await using session = await second.network.session(missing, { origins: [first.address] })
    const startedAt = performance.now()
    await expect(session.get(missing)).rejects.toMatchObject({
      code: 'ERROR_NOT_FETCHED',
      message: `Block ${missing} could not be fetched: one peer was asked.`,
    })
    expect(performance.now() - startedAt).toBeLessThan(20_000)
  })

  it('ends with the signal of a call, and with its own', async () => {
    const missing = await cidOf(randomBytes(100))
    const own = new AbortController()
    await using session = await second.network.session(missing, { signal: own.signal })
    await expect(session.get(missing, { signal: AbortSignal.timeout(1) })).rejects.toThrow(/timeout/)
    const pending = session.get(missing)
    own.abort(new Error('enough'))
    await expect(pending).rejects.toThrow('enough')
  })
})

describe('what is served', () => {
  it('is what the index has at that moment: what was deleted and collected is not there any more', async () => {
    const root = await first.store(randomBytes(2000))
    await using before = await second.network.session(root, { origins: [first.address] })
    expect((await before.get(root)).length).toBe(2000)
    await first.remove(root)
    await using after = await second.network.session(root, { origins: [first.address] })
    await expect(after.get(root)).rejects.toMatchObject({ code: 'ERROR_NOT_FETCHED' })
  })

  it('is never a damaged block', async () => {
    const bytes = randomBytes(3000)
    const root = await first.store(bytes)
    const { rows } = await first.service.database.pool.query('select cid from shard order by id desc limit 1')
    const shard = CID.decode(rows[0].cid).toString()
    const folder = join(first.dataDir, 'blobs')
    const { readdir, readFile: read, writeFile } = await import('node:fs/promises')
    const path = (await readdir(folder, { recursive: true })).find((name) => name.includes(shard)) as string
    const damaged = await read(join(folder, path))
    damaged[damaged.length - 1] = (damaged.at(-1) as number) ^ 1
    await writeFile(join(folder, path), damaged)
    await using session = await second.network.session(root, { origins: [first.address] })
    await expect(session.get(root)).rejects.toMatchObject({ code: 'ERROR_NOT_FETCHED' })
  })
})

describe('the identity of a peer', () => {
  it('is kept in a file that only its owner can read', async () => {
    expect((await stat(join(first.dataDir, 'peer/identity'))).mode & 0o777).toBe(0o600)
  })
})
