import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type RequestListener, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { parseConfig } from '../../src/config.ts'
import { addressRules, rulesOf } from '../../src/network/addresses.ts'
import { guardedHttp } from '../../src/network/guarded-get.ts'
import { PeerDatastore } from '../../src/peer/datastore.ts'
import { startNode } from '../../src/peer/node.ts'
import type { ChangingDns } from './changing-dns.ts'
import { startChangingDns } from './changing-dns.ts'

// Names of somebody who wants this server to reach what only it can reach. Nothing here leaves loopback, so one address of it stands for a public one.
const outside = '127.0.0.2'
const inside = '127.0.0.1'

let dns: ChangingDns
const strict = addressRules({ allowPrivate: false })
const rules = () => rulesOf((ip) => ip === outside || strict.allows(ip), dns.resolve)

beforeAll(async () => {
  dns = await startChangingDns()
})
afterAll(() => dns.close())
beforeEach(() => {
  dns.zone.clear()
  dns.asked.length = 0
})

describe('a gateway whose name changes its address', () => {
  const servers: Server[] = []
  const options = { maxBytes: 1000, signal: new AbortController().signal }
  let secretsTold = 0
  let port: number

  async function listen(host: string, atPort: number, listener: RequestListener): Promise<number> {
    const server = createServer(listener).listen(atPort, host)
    servers.push(server)
    await once(server, 'listening')
    return (server.address() as { port: number }).port
  }
  beforeEach(async () => {
    secretsTold = 0
    port = await listen(inside, 0, (_request, response) => response.end(`secret ${++secretsTold}`))
  })
  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections()
      server.close()
    }
  })

  const get = async (name: string) => {
    const http = guardedHttp(rules())
    try {
      return String(await http.get(new URL(`http://${name}:${port}/`), options))
    } finally {
      http.close()
    }
  }

  it('is asked at the address that was judged: nobody looks the name up once more for the connection', async () => {
    await listen(outside, port, (_request, response) => response.end('public'))
    dns.zone.set('changes.example', [[outside], [inside]])
    expect(await get('changes.example')).toBe('public')
    expect(dns.asked).toEqual(['changes.example'])
    // The next connection is another one, and judged by what the name leads to then.
    await expect(get('changes.example')).rejects.toMatchObject({ code: 'EREFUSEDADDRESS' })
    expect(secretsTold).toBe(0)
  })

  it.each(['changes.example', 'inner.example'])(
    'is judged anew when it redirects to %s, which leads inside by then',
    async (to) => {
      await listen(outside, port, (_request, response) =>
        response.writeHead(302, { location: `http://${to}:${port}/`, connection: 'close' }).end(),
      )
      dns.zone.set('changes.example', [[outside], [inside]])
      dns.zone.set('inner.example', [[inside]])
      await expect(get('changes.example')).rejects.toMatchObject({ code: 'EREFUSEDADDRESS' })
      expect(dns.asked).toEqual(['changes.example', to])
      expect(secretsTold).toBe(0)
    },
  )

  it('is never asked at the second of two addresses, where only the first is public and does not answer', async () => {
    dns.zone.set('two.example', [[outside, inside]])
    await expect(get('two.example')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    expect(secretsTold).toBe(0)
  })

  it.each(['0.0.0.0', '169.254.169.254', '10.0.0.1', '::1', '::ffff:127.0.0.1', '64:ff9b::7f00:1', 'fc00::1', 'fe80::1'])(
    'is not asked at %s',
    async (ip) => {
      dns.zone.set('inner.example', [[ip]])
      await expect(get('inner.example')).rejects.toMatchObject({ code: 'EREFUSEDADDRESS' })
    },
  )
})

describe('a peer whose name changes its address', () => {
  it('is dialled at the address that was judged, and not at all once that is inside', async () => {
    await using stack = new AsyncDisposableStack()
    const target = await createLibp2p({
      addresses: { listen: ['/ip4/0.0.0.0/tcp/0'] },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
    })
    stack.defer(() => target.stop())
    const folder = await mkdtemp(join(tmpdir(), 'keepsake-rebinding-'))
    stack.defer(() => rm(folder, { recursive: true, force: true }))
    const datastore = stack.adopt(await PeerDatastore.open(join(folder, 'peers.sqlite')), (open) => open.close())
    const config = parseConfig({ PEER_HOST: inside, PEER_TCP_PORT: '0', PEER_WS_PORT: '0', PEER_DHT: 'off' })
    const { libp2p } = await startNode({ config, privateKey: await generateKeyPair('Ed25519'), datastore, rules: rules() })
    stack.defer(() => libp2p.stop())
    let incoming = 0
    target.addEventListener('connection:open', () => incoming++)

    dns.zone.set('changes.example', [[outside], [inside]])
    const port = /tcp\/(\d+)/.exec(String(target.getMultiaddrs()[0]))?.[1]
    const address = multiaddr(`/dns4/changes.example/tcp/${port}/p2p/${target.peerId}`)
    const connection = await libp2p.dial(address)
    expect(dns.asked).toEqual(['changes.example'])
    await connection.close()
    await expect(libp2p.dial(address, { force: true })).rejects.toThrow(
      /changes\.example \(127\.0\.0\.1\) is not a public address/,
    )
    expect(incoming).toBe(1)
  }, 30_000)
})
