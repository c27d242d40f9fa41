import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { eventually, fresh, upload, valueIn } from '../setup/api.ts'
import { peerOf, quietPeer } from '../setup/peer.ts'
import { type Server, startServer } from '../setup/server.ts'
import { startsServers } from '../setup/shared.ts'

interface Health {
  ok: boolean
  checks: { peer?: { ok: boolean; message?: string } }
}

/** What is wrong with the peer, once it is said; the server itself must be well all the time. */
async function troubleOf(server: Server, expected: RegExp): Promise<string> {
  return await eventually(async () => {
    const response = await fetch(`${server.url}/health`)
    const { ok, checks } = (await response.json()) as Health
    expect([response.status, ok]).toEqual([200, true])
    return checks.peer?.message && expected.test(checks.peer.message) ? checks.peer.message : undefined
  }, 60_000)
}

/** Uploads work, whatever the peer does. */
async function expectUpload(server: Server): Promise<void> {
  valueIn(await upload(server.apiUrl, await server.createKey(), fresh(), 'image/png'))
}

describe.skipIf(!startsServers)('a server whose peer', () => {
  it('finds its port taken says which, serves all the same, and has the peer as soon as the port is free', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as { port: number }
    await using server = await startServer({ env: { ...quietPeer, PEER_TCP_PORT: String(port) } })
    expect(await troubleOf(server, /in use/)).toBe(
      `The peer cannot listen on port ${port} of 127.0.0.1: it is in use. Set PEER_TCP_PORT and PEER_WS_PORT to free ones.`,
    )
    await expectUpload(server)
    other.close()
    expect((await peerOf(server)).peerAddress).toContain(`/tcp/${port}/`)
    await eventually(async () => {
      const { checks } = (await (await fetch(`${server.url}/health`)).json()) as Health
      return checks.peer?.ok || undefined
    })
  })

  it('has a damaged key, or a swarm key that is none, says so and serves all the same', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'keepsake-peer-'))
    try {
      await mkdir(join(dataDir, 'peer'))
      await writeFile(join(dataDir, 'peer/identity'), 'damaged')
      await using server = await startServer({ dataDir, env: quietPeer })
      expect(await troubleOf(server, /identity/)).toContain(
        `${join(dataDir, 'peer/identity')} holds no key of a peer. Restore it from a backup, or remove it`,
      )
      await expectUpload(server)
      await rm(join(dataDir, 'peer/identity'))
      await peerOf(server)
    } finally {
      await rm(dataDir, { recursive: true, force: true })
    }
    await using server = await startServer({ env: { ...quietPeer, PEER_SWARM_KEY_FILE: '/dev/null' } })
    expect(await troubleOf(server, /PEER_SWARM_KEY_FILE/)).toMatch(/\/dev\/null.*cannot be used.*would then speak to everybody/s)
  })

  it('cannot reach its bootstrap peers goes on, and so does the peer', async () => {
    const env = { ...quietPeer, PEER_BOOTSTRAP: '/ip4/127.0.0.1/tcp/9/p2p/12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8' }
    await using server = await startServer({ env })
    await eventually(async () => server.output().includes('no bootstrap peer can be reached; trying on') || undefined, 60_000)
    await peerOf(server)
    await expectUpload(server)
  })
})
