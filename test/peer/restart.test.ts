import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { eventually, fresh, upload, valueIn } from '../setup/api.ts'
import { goProgram } from '../setup/go-programs.ts'
import { startKubo } from '../setup/kubo.ts'
import { peerOf, startServerWithPeer } from '../setup/peer.ts'
import { isAlive, waitForEnd } from '../setup/processes.ts'
import { startsServers } from '../setup/shared.ts'

const kubo = await goProgram('kubo')
const MiB = 1024 * 1024

describe.skipIf(!startsServers)('the peer', () => {
  it('ends with the server, in order and after kill -9', async () => {
    const first = await startServerWithPeer()
    const { peerPid } = await peerOf(first)
    expect(await first.stop()).toBe(0)
    expect(isAlive(peerPid)).toBe(false)
    const second = await startServerWithPeer()
    const orphan = (await peerOf(second)).peerPid
    await second.kill('SIGKILL')
    await waitForEnd(orphan)
    await second.stop()
  })

  it('is started again after kill -9 as the same peer, and uploads never notice', async () => {
    await using server = await startServerWithPeer()
    const key = await server.createKey()
    const { peerPid } = await peerOf(server)
    const uploads: Promise<unknown>[] = []
    for (let at = 0; at < 30; at++) {
      uploads.push(upload(server.apiUrl, key, fresh(10_000), 'image/png').then((answer) => valueIn(answer)))
      if (at === 10) process.kill(peerPid, 'SIGKILL')
      await sleep(20)
    }
    await Promise.all(uploads)
    const again = await peerOf(server, 2)
    expect(again.peerId).toBe(server.peerId)
    expect(again.peerPid).not.toBe(peerPid)
    expect((await fetch(`${server.url}/health`)).status).toBe(200)
  })

  it.skipIf(!kubo)('goes on with a transfer that kill -9 cut off, once it is back', async () => {
    await using server = await startServerWithPeer()
    await using node = await startKubo(kubo as string)
    const key = await server.createKey()
    const { peerPid } = await peerOf(server)
    const bytes = fresh(96 * MiB)
    const { cid } = valueIn(await upload(server.apiUrl, key, bytes, 'application/octet-stream'))
    await node.connect(server.peerAddress)
    const response = await node.rpc('cat', { arg: cid })
    const reader = (response.body as ReadableStream<Uint8Array>).getReader()
    const chunks: Uint8Array[] = []
    let total = 0
    for (let isCut = false, read = await reader.read(); !read.done; read = await reader.read()) {
      chunks.push(read.value)
      total += read.value.length
      if (total < 4 * MiB || isCut) continue
      isCut = true
      process.kill(peerPid, 'SIGKILL')
      const { peerAddress } = await peerOf(server, 2)
      await eventually(() =>
        node.connect(peerAddress).then(
          () => true,
          () => undefined,
        ),
      )
    }
    expect(Buffer.compare(Buffer.concat(chunks), bytes)).toBe(0)
  })
})
