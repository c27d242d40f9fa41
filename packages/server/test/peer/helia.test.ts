import { randomBytes } from 'node:crypto'
import { withBitswap } from '@helia/bitswap'
import { withLibp2pLight } from '@helia/libp2p'
import * as dagPb from '@ipld/dag-pb'
import { identify } from '@libp2p/identify'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createHeliaLight } from 'helia'
import type { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { openPeer } from './peers.ts'

describe('a Helia node', () => {
  it('fetches a file from us, and we fetch a block from it', async () => {
    await using ours = await openPeer()
    const helia = withBitswap(
      withLibp2pLight(createHeliaLight(), {
        addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
        transports: [tcp()],
        connectionEncrypters: [noise()],
        streamMuxers: [yamux()],
        services: { identify: identify() },
      }),
    )
    await helia.start()
    try {
      await helia.libp2p.dial(multiaddr(ours.address))
      const bytes = randomBytes(1_500_000)
      const get = async (cid: CID): Promise<Buffer> => {
        const parts: Uint8Array[] = []
        for await (const part of helia.blockstore.get(cid, { signal: AbortSignal.timeout(20_000) })) parts.push(part)
        const block = Buffer.concat(parts)
        if (cid.code !== dagPb.code) return block
        return Buffer.concat(await Promise.all(dagPb.decode(block).Links.map(({ Hash }) => get(Hash))))
      }
      expect(Buffer.compare(await get(await ours.store(bytes)), bytes)).toBe(0)

      const { cid, bytes: theirs } = await rawBlock(randomBytes(5000))
      await helia.blockstore.put(cid, theirs)
      await using session = await ours.network.session(cid, { origins: [String(helia.libp2p.getMultiaddrs()[0])] })
      expect(Buffer.compare(await session.get(cid), theirs)).toBe(0)
    } finally {
      await helia.stop()
    }
  })
})

async function rawBlock(bytes: Uint8Array): Promise<{ cid: CID; bytes: Uint8Array }> {
  const { CID } = await import('multiformats/cid')
  const { sha256 } = await import('multiformats/hashes/sha2')
  return { cid: CID.createV1(0x55, await sha256.digest(bytes)), bytes }
}
