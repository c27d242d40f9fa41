import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fresh, upload, valueIn } from '../setup/api.ts'
import { goProgram } from '../setup/go-programs.ts'
import { type Kubo, startKubo } from '../setup/kubo.ts'
import { type ServerWithPeer, startServerWithPeer } from '../setup/peer.ts'

const kubo = await goProgram('kubo')

describe.skipIf(!kubo)('a Kubo node', () => {
  let server: ServerWithPeer
  let key: string
  let node: Kubo
  beforeAll(async () => {
    ;[server, node] = await Promise.all([startServerWithPeer(), startKubo(kubo as string)])
    key = await server.createKey()
    await node.connect(server.peerAddress)
  })
  afterAll(async () => {
    await Promise.all([server?.stop(), node?.stop()])
  })

  it('fetches from us by bitswap what it was told we have', async () => {
    const bytes = fresh(3_000_000)
    const { cid } = valueIn(await upload(server.apiUrl, key, bytes, 'application/octet-stream'))
    const response = await node.rpc('cat', { arg: cid })
    expect(Buffer.compare(Buffer.from(await response.arrayBuffer()), bytes)).toBe(0)
  })
})
