import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { goProgram } from '../setup/go-programs.ts'
import type { Kubo } from '../setup/kubo.ts'
import { startKubo } from '../setup/kubo.ts'
import type { ServerWithPeer } from '../setup/peer.ts'
import { peerOf, startServerWithPeer } from '../setup/peer.ts'
import { startsServers } from '../setup/shared.ts'

const program = await goProgram('kubo')
const MiB = 1024 * 1024

interface PinStatus {
  requestid: string
  status: string
  delegates: string[]
  info: Record<string, string>
}

describe.skipIf(!program || !startsServers)('with Kubo', () => {
  let server: ServerWithPeer
  let node: Kubo
  let key: string
  beforeAll(async () => {
    ;[server, node] = await Promise.all([startServerWithPeer(), startKubo(program as string)])
    key = await server.createKey({ scope: 'pins' })
    await node.ipfs('pin', 'remote', 'service', 'add', 'keep', server.apiUrl, key)
  })
  afterAll(async () => {
    await node?.stop()
    await server?.stop()
  })

  const add = async (bytes: Uint8Array<ArrayBuffer>, args: Record<string, string> = {}): Promise<string> => {
    const body = new FormData()
    body.append('file', new Blob([bytes]), 'file')
    return (await node.rpcJson<{ Hash: string }>('add', { 'cid-version': '1', quieter: 'true', ...args }, body)).Hash
  }
  const call = async (method: string, path: string, body?: object): Promise<PinStatus> => {
    const response = await fetch(`${server.apiUrl}${path}`, {
      method,
      headers: { authorization: `Bearer ${key}` },
      ...(body && { body: JSON.stringify(body) }),
    })
    return (await response.json()) as PinStatus
  }
  const until = async (id: string, status: string): Promise<PinStatus> => {
    for (const end = Date.now() + 60_000; ; await sleep(50)) {
      const now = await call('GET', `/pins/${id}`)
      if (now.status === status) return now
      if (Date.now() > end || now.status === 'failed') throw new Error(`It is not ${status}: ${JSON.stringify(now)}`)
    }
  }
  const fetched = async (cid: string) => Buffer.from(await (await fetch(`${server.url}/ipfs/${cid}`)).arrayBuffer())
  const remote = (command: string, ...args: string[]) => node.ipfs('pin', 'remote', command, '--service=keep', ...args)

  it('`ipfs pin remote add` has us fetch what it has, by the addresses it gives and those we give', async () => {
    const bytes = randomBytes(3 * MiB)
    const cid = await add(bytes)
    const output = await remote('add', '--name=art', cid)
    expect(output).toMatch(/Status:\s+pinned/)
    expect(output).toContain(cid)
    expect(Buffer.compare(await fetched(cid), bytes)).toBe(0)
  })

  it('`ipfs pin remote ls` finds it by name, CID and status', async () => {
    const cid = (await remote('ls', '--name=art')).split('\t')[0] as string
    expect(await remote('ls', '--name=art')).toMatch(/^bafy\w+\s+pinned\s+art\s*$/)
    expect(await remote('ls', `--cid=${cid}`)).toContain('art')
    expect(await remote('ls', '--status=failed,queued')).toBe('')
    const services = JSON.parse(await node.ipfs('pin', 'remote', 'service', 'ls', '--stat', '--enc=json')) as {
      RemoteServices: { Service: string; Stat: { Status: string; PinCount: { Pinned: number } } }[]
    }
    expect(services.RemoteServices).toMatchObject([{ Service: 'keep', Stat: { Status: 'valid', PinCount: { Pinned: 1 } } }])
  })

  it('`ipfs pin remote add --background` does not wait, and what nobody has stays under way', async () => {
    const cid = await add(randomBytes(1000), { 'only-hash': 'true' })
    expect(await remote('add', '--background', '--name=lost', cid)).toMatch(/Status:\s+(queued|pinning)/)
    await sleep(1500)
    expect(await remote('ls', '--name=lost', '--status=queued,pinning')).toContain(cid)
    await remote('rm', '--name=lost', '--status=queued,pinning', '--force')
    expect(await remote('ls', '--name=lost', '--status=queued,pinning,failed,pinned')).toBe('')
  })

  it('`ipfs pin remote rm` ends it', async () => {
    await remote('rm', '--name=art')
    expect(await remote('ls', '--name=art', '--status=queued,pinning,failed,pinned')).toBe('')
  })

  it('fetches from the origins of a request, of any codec and of the old CIDs', async () => {
    const leaf = await add(randomBytes(MiB), { 'cid-version': '0' })
    expect(leaf).toMatch(/^Qm/)
    const value = new FormData()
    value.append('file', new Blob([JSON.stringify({ title: 'a', art: { '/': leaf } })]))
    const { Cid } = await node.rpcJson<{ Cid: { '/': string } }>('dag/put', { 'store-codec': 'dag-cbor' }, value)
    for (const cid of [leaf, Cid['/']]) {
      const { requestid, delegates } = await call('POST', '/pins', { cid, origins: [node.address] })
      expect(delegates).toContain(server.peerAddress)
      await until(requestid, 'pinned')
    }
    const answer = await fetch(`${server.url}/ipfs/${Cid['/']}?format=car`)
    expect((await answer.arrayBuffer()).byteLength).toBeGreaterThan(MiB)
  })

  it('fetches from the gateway of a node', async () => {
    const bytes = randomBytes(2 * MiB)
    const cid = await add(bytes)
    const { port } = new URL(node.gatewayUrl)
    const { requestid } = await call('POST', '/pins', { cid, origins: [`/ip4/127.0.0.1/tcp/${port}/http`] })
    await until(requestid, 'pinned')
    expect(Buffer.compare(await fetched(cid), bytes)).toBe(0)
  })

  it('goes on where it was when the peer is killed in the middle', async () => {
    // Large enough that a quick machine is still in the middle of it when the first shard, of 64 MiB, is there.
    const bytes = randomBytes(300 * MiB)
    const cid = await add(bytes)
    const { peerPid } = await peerOf(server)
    const { requestid } = await call('POST', '/pins', { cid, origins: [node.address] })
    for (;;) {
      const { status, info } = await call('GET', `/pins/${requestid}`)
      expect(['queued', 'pinning']).toContain(status)
      if (Number(info.bytes ?? 0) > 60 * MiB) break
      await sleep(5)
    }
    process.kill(peerPid, 'SIGKILL')
    const again = await peerOf(server, 2)
    expect(again.peerPid).not.toBe(peerPid)
    const sent = async () => (await node.rpcJson<{ DataSent: number }>('bitswap/stat')).DataSent
    const before = await sent()
    await until(requestid, 'pinned')
    expect((await sent()) - before).toBeLessThan(250 * MiB)
    expect(Buffer.compare(await fetched(cid), bytes)).toBe(0)
  })
})
