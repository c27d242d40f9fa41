import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { CID } from 'multiformats/cid'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { verifyBlock } from '../../packages/content/src/hash/verify.ts'
import { call, eventually, fresh, upload, valueIn } from '../setup/api.ts'
import { goProgram } from '../setup/go-programs.ts'
import { type Kubo, startKubo } from '../setup/kubo.ts'
import { type ServerWithPeer, startServerWithPeer } from '../setup/peer.ts'
import { checkout } from '../setup/server.ts'

const kubo = await goProgram('kubo')
const run = promisify(execFile)

interface Report {
  isHere: boolean
  content: string
  announcement?: { state: string; peers: number }
  dht: { providers: { id: string; isOurs: boolean; namedBy: number; addrs: string[] }[] }
  ownRouter: { providers: { id: string; protocols: string[] }[] }
  askedRouters: { url: string; providers: { id: string }[]; error?: string }[]
  trials: { address: string; result: string; detail: string }[]
  isFindable: boolean
  problems: string[]
}

describe.skipIf(!kubo)('what is stored, looked for by others', () => {
  let server: ServerWithPeer
  let key: string
  let node: Kubo
  let stored: string
  beforeAll(async () => {
    ;[server, node] = await Promise.all([startServerWithPeer(), startKubo(kubo as string)])
    key = await server.createKey()
    await node.connect(server.peerAddress)
    stored = valueIn(await upload(server.apiUrl, key, fresh(300_000), 'application/octet-stream')).cid
  })
  afterAll(async () => {
    await Promise.all([server?.stop(), node?.stop()])
  })

  const findprovs = async (cid: string, ...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> => {
    const command = [join(checkout, 'scripts/run.mjs'), 'packages/cli/src/main.ts', 'findprovs', cid, '--timeout', '5', ...args]
    const env = { PATH: process.env.PATH, HOME: server.dataDir, KEEPSAKE_ENDPOINT: server.url, KEEPSAKE_KEY: key }
    return await run(process.execPath, command, { cwd: checkout, env }).then(
      (done) => ({ code: 0, ...done }),
      (failed: { code: number; stdout: string; stderr: string }) => failed,
    )
  }
  const report = async (cid: string, ...args: string[]) => JSON.parse((await findprovs(cid, '--json', ...args)).stdout) as Report

  it('is found in the DHT by Kubo, which then fetches it', async () => {
    const found = await eventually(async () => {
      const lines = (await node.ipfs('routing', 'findprovs', '--num-providers=1', stored)).trim()
      return lines.includes(server.peerId) ? lines : undefined
    }, 60_000)
    expect(found).toBe(server.peerId)
    const response = await node.rpc('block/get', { arg: stored })
    await verifyBlock(CID.parse(stored), new Uint8Array(await response.arrayBuffer()))
  })

  it('is shown by findprovs with the record that others hold, and what stands in the way', async () => {
    const { announcement, dht, ownRouter, askedRouters, trials, problems, isFindable, content } = await report(
      stored,
      '--router',
      server.url,
    )
    expect(content).toBe('complete')
    expect(announcement).toMatchObject({ state: 'announced', peers: 1 })
    // Kubo has it by now too, and may have said so.
    expect(dht.providers).toContainEqual(expect.objectContaining({ id: server.peerId, isOurs: true, namedBy: 1 }))
    expect(ownRouter.providers).toMatchObject([
      { id: server.peerId, protocols: ['transport-bitswap', 'transport-ipfs-gateway-http'] },
    ])
    expect(askedRouters).toMatchObject([{ url: server.url, providers: [{ id: server.peerId }] }])
    // This network is loopback, and the command says what that means.
    expect(trials.map(({ result }) => result)).toEqual(['private', 'private', 'private'])
    for (const { detail } of trials) expect(detail).toMatch(/libp2p answers here|its hash is right/)
    expect(isFindable).toBe(false)
    expect(problems).toEqual([expect.stringContaining('PEER_ANNOUNCE_ADDRESSES')])
  })

  it('is told to people in words, with exit code 1 while others cannot reach it', async () => {
    const { code, stdout, stderr } = await findprovs(stored)
    expect(code).toBe(1)
    expect(stdout).toMatch(/Held here +yes, all of it/)
    expect(stdout).toMatch(/Announced +\S+, 1 peer took the record; again at /)
    expect(stdout).toContain(`${server.peerId} (bitswap), this server`)
    expect(stdout).toContain('What stands in the way')
    expect(stderr).toContain('cannot be found by others as it is now')
  })

  it('what only others have is found too, with exit code 0', async () => {
    const cid = (await node.rpcJson<{ Key: string }>('block/put', { 'cid-codec': 'raw' }, form(fresh(2_000)))).Key
    await node.ipfs('routing', 'provide', cid)
    const found = await eventually(async () => {
      const { dht, isHere, isFindable } = await report(cid)
      return dht.providers.length > 0 ? { dht, isHere, isFindable } : undefined
    }, 60_000)
    expect(found).toMatchObject({ isHere: false, isFindable: true, dht: { providers: [{ id: node.peerId, isOurs: false }] } })
  })

  it('a router that is not there is said to be so, and what is no CID refused', async () => {
    const nobody = 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy'
    const { askedRouters, isFindable, problems } = await report(
      nobody,
      '--router',
      'http://127.0.0.1:9',
      '--router',
      `${server.url}/api`,
    )
    expect(askedRouters[0]?.error).toContain('127.0.0.1:9')
    expect(isFindable).toBe(false)
    expect(problems[0]).toContain('nobody was found')
    expect((await findprovs('nonsense')).code).toBe(2)
    expect((await findprovs(nobody, '--timeout', '0')).code).toBe(2)
    expect((await call(server.apiUrl, 'GET', `/providers/${nobody}`)).status).toBe(401)
    expect((await call(server.apiUrl, 'GET', '/providers/nonsense', { key })).status).toBe(400)
    expect((await call(server.apiUrl, 'GET', `/providers/${nobody}?timeout=61`, { key })).status).toBe(400)
  })

  it('Kubo with this server as its only router finds what is acknowledged at once, and fetches it', async () => {
    const methods = Object.fromEntries(
      ['provide', 'find-providers', 'find-peers', 'get-ipns', 'put-ipns'].map((name) => [name, { RouterName: 'us' }]),
    )
    await using other = await startKubo(kubo as string, {
      config: {
        Routing: { Type: 'custom', Routers: { us: { Type: 'http', Parameters: { Endpoint: server.url } } }, Methods: methods },
      },
    })
    const bytes = fresh(700_000)
    const { cid } = valueIn(await upload(server.apiUrl, key, bytes, 'application/octet-stream'))
    expect((await other.ipfs('routing', 'findprovs', cid)).trim()).toBe(server.peerId)
    const response = await other.rpc('cat', { arg: cid })
    expect(Buffer.compare(Buffer.from(await response.arrayBuffer()), bytes)).toBe(0)
  })

  it('is in the numbers of the queue', async () => {
    const { cid } = valueIn(await upload(server.apiUrl, key, fresh(1_000), 'application/octet-stream'))
    await eventually(async () => ((await report(cid)).announcement?.state === 'announced' ? true : undefined), 60_000)
    const { stdout } = await run(
      process.execPath,
      [join(checkout, 'scripts/run.mjs'), 'packages/cli/src/main.ts', 'announcements', '--json'],
      {
        cwd: checkout,
        env: { PATH: process.env.PATH, HOME: server.dataDir, DATA_DIR: server.dataDir },
      },
    )
    expect(JSON.parse(stdout)).toMatchObject({ dueNew: 0, failing: 0 })
    expect(JSON.parse(stdout).inLastHour).toBeGreaterThanOrEqual(2)
  })
})

function form(bytes: Uint8Array<ArrayBuffer>): FormData {
  const body = new FormData()
  body.append('data', new Blob([bytes]))
  return body
}
