import * as dagCbor from '@ipld/dag-cbor'
import * as dagPb from '@ipld/dag-pb'
import { describe, expect, it } from 'vitest'
import { call, eventually, expectFailure, fresh, valueIn } from '../setup/api.ts'
import { type Block, blockOf, car, carHeader, cbor, concat, identityCid, RAW, raw, section, varint } from '../setup/cars.ts'
import { startsServers } from '../setup/shared.ts'
import { MiB, target } from '../setup/target.ts'

describe.skipIf(!startsServers)('whatever is sent', () => {
  const to = target()

  describe('as a CAR', () => {
    it('that claims a block it does not hold is pinning, says what is missing, and never gives a wrong byte', async () => {
      const [here, missing] = [await raw(fresh()), await raw(fresh())]
      const root = await cbor({ here: here.cid, missing: missing.cid })
      const nft = valueIn(await to.send(car([root.cid], [root, here]), 'application/car'))
      expect(nft.pin.status).toBe('pinning')
      const later = await eventually(async () => {
        const now = valueIn(await call(to.server.apiUrl, 'GET', `/${root.cid}`, { key: to.key }))
        return now.pin.missing?.blocks ? now : undefined
      })
      expect(later.pin.missing).toMatchObject({ blocks: 1, cids: [String(missing.cid)] })
      expect((await fetch(`${to.server.url}/ipfs/${root.cid}/missing`)).status).toBe(404)
      expect((await fetch(`${to.server.url}/ipfs/${root.cid}/here`)).status).toBe(200)
    })

    async function chain(length: number): Promise<Block[]> {
      const blocks = [
        await blockOf(dagPb.code, dagPb.encode({ Data: new Uint8Array([8, 1, ...fresh(4)]).slice(0, 2), Links: [] })),
      ]
      blocks.push(
        await blockOf(
          dagPb.code,
          dagPb.encode({
            Data: new Uint8Array([8, 1]),
            Links: [{ Name: `end ${Math.random()}`, Hash: blocks[0]!.cid, Tsize: 1 }],
          }),
        ),
      )
      while (blocks.length < length) {
        blocks.push(
          await blockOf(
            dagPb.code,
            dagPb.encode({ Data: new Uint8Array([8, 1]), Links: [{ Name: 'd', Hash: blocks.at(-1)!.cid, Tsize: 1 }] }),
          ),
        )
      }
      return blocks.toReversed()
    }

    it('of directories nested 10,000 deep is stored, and the gateway refuses to walk it rather than break', async () => {
      const blocks = await chain(10_000)
      const nft = valueIn(await to.send(car([blocks[0]!.cid], blocks), 'application/car'))
      expect(nft.pin.status).toBe('pinned')
      expect((await fetch(`${to.server.url}/ipfs/${blocks[0]!.cid}`)).status).toBe(200)
      for (const path of [`${'/d'.repeat(5000)}`, '?format=tar', '?format=car']) {
        // A CAR that cannot go on is broken off, which the client sees; what matters is that it ends and nothing else suffers.
        const response = await fetch(`${to.server.url}/ipfs/${blocks[0]!.cid}${path}`).catch(() => undefined)
        if (path !== '?format=car') expect(response?.status).toBe(400)
        await response?.arrayBuffer().catch(() => undefined)
      }
    })

    it('of directories nested 10,000 deep in two halves is found complete', async () => {
      const blocks = await chain(10_000)
      const root = blocks[0]!
      valueIn(await to.send(car([root.cid], blocks.slice(0, 5000)), 'application/car'))
      valueIn(await to.send(car([root.cid], [root, ...blocks.slice(5000)]), 'application/car'))
      await eventually(
        async () =>
          valueIn(await call(to.server.apiUrl, 'GET', `/${root.cid}`, { key: to.key })).pin.status === 'pinned'
            ? true
            : undefined,
        60_000,
      )
    })

    const nested = (depth: number) => new Uint8Array([...new Uint8Array(depth).fill(0x81), 0x1a, ...fresh(4).map((b) => b | 1)])
    it.each([100, 10_000, 1_000_000])(
      'whose root is dag-cbor nested %i deep is stored or refused in so many words',
      async (depth) => {
        const root = await blockOf(dagCbor.code, nested(depth))
        const answer = await to.send(car([root.cid], [root]), 'application/car')
        if (answer.status === 200) {
          const response = await fetch(`${to.server.url}/ipfs/${root.cid}?format=dag-json`)
          expect(response.status).not.toBe(500)
        } else expectFailure(answer, 400, 'ERROR_INVALID_CAR', /nested too deeply/)
      },
    )

    it.each([10_000, 1_000_000])(
      'with a dag-cbor block below its root nested %i deep is stored or refused in so many words',
      async (depth) => {
        const deep = await blockOf(dagCbor.code, nested(depth))
        const root = await cbor([deep.cid])
        const answer = await to.send(car([root.cid], [root, deep]), 'application/car')
        if (answer.status !== 200) expectFailure(answer, 400, 'ERROR_INVALID_CAR', /nested too deeply/)
      },
    )

    it('with a million links in a block is answered in seconds', async () => {
      const cid = (await raw('x')).cid
      const root = await cbor(Array.from({ length: 45_000 }, () => cid))
      const leaf = await raw('x')
      expect(valueIn(await to.send(car([root.cid], [root, leaf]), 'application/car')).pin.status).toBe('pinned')
    }, 20_000)

    it('that links through an identity CID is complete only with what is behind it', async () => {
      const leaf = await raw(fresh())
      const bridge = identityCid(dagCbor.code, dagCbor.encode([leaf.cid]))
      const root = await cbor({ bridge, n: Math.random() })
      const other = await raw(fresh())
      expect(valueIn(await to.send(car([root.cid], [root, other]), 'application/car')).pin.status).toBe('pinning')
      expect(valueIn(await to.send(car([root.cid], [root, leaf]), 'application/car')).pin.status).toBe('pinned')
    })

    it.each([
      ['that leads nowhere', identityCid(RAW, new Uint8Array(0))],
      ['of 2 KiB', identityCid(RAW, fresh(2048))],
      ['that is no dag-cbor', identityCid(dagCbor.code, new Uint8Array([0xff]))],
      ['that is no dag-pb', identityCid(dagPb.code, new Uint8Array([0xff, 0xff]))],
      [
        'that holds another that holds another',
        identityCid(dagCbor.code, dagCbor.encode([identityCid(dagCbor.code, dagCbor.encode([identityCid(RAW, fresh(8))]))])),
      ],
    ])('that links to an identity CID %s is stored or refused in so many words', async (_name, bridge) => {
      const root = await cbor({ bridge, n: Math.random() })
      const answer = await to.send(car([root.cid], [root, await raw(fresh())]), 'application/car')
      if (answer.status === 200) await (await fetch(`${to.server.url}/ipfs/${root.cid}/bridge`)).arrayBuffer()
      else expectFailure(answer, 400, 'ERROR_INVALID_CAR')
    })

    it('with an identity CID as its root is refused', async () => {
      const root = identityCid(RAW, fresh(8))
      expectFailure(
        await to.send(car([root], [await raw(fresh())]), 'application/car'),
        400,
        'ERROR_INVALID_CAR',
        /missing root block/,
      )
    })

    it.each([
      '../../etc/passwd',
      '..',
      '.',
      '',
      'a/b',
      'nul\0nul',
      '<script>alert(1)</script>',
      'x'.repeat(65_536),
      '\u202e txt.exe',
    ])('whose directory has an entry called %j does no harm', async (name) => {
      const leaf = await raw(fresh())
      const root = await blockOf(
        dagPb.code,
        dagPb.encode({ Data: new Uint8Array([8, 1]), Links: [{ Name: name, Hash: leaf.cid, Tsize: 32 }] }),
      )
      valueIn(await to.send(car([root.cid], [root, leaf]), 'application/car'))
      const page = await fetch(`${to.server.url}/ipfs/${root.cid}/`, { headers: { accept: 'text/html' } })
      expect(page.status).not.toBe(500)
      expect(await page.text()).not.toContain('<script>alert')
      const tar = await fetch(`${to.server.url}/ipfs/${root.cid}?format=tar`)
      const bytes = Buffer.from(await tar.arrayBuffer().catch(() => new ArrayBuffer(0)))
      expect(bytes.includes('../..')).toBe(false)
    })

    it.each([
      [
        'cut in the middle',
        async () => {
          const b = await raw(fresh(MiB))
          return { cid: b.cid, bytes: car([b.cid], [b]).slice(0, 500_000) }
        },
      ],
      [
        'with a bit changed',
        async () => {
          const b = await raw(fresh(MiB))
          const bytes = car([b.cid], [b])
          bytes[600_000]! ^= 4
          return { cid: b.cid, bytes }
        },
      ],
      [
        'followed by garbage',
        async () => {
          const b = await raw(fresh())
          return { cid: b.cid, bytes: concat([car([b.cid], [b]), fresh(1000).fill(0xff)]) }
        },
      ],
      [
        'with a block that is too large after good ones',
        async () => {
          const [a, b] = [await raw(fresh()), await raw(fresh(2 * MiB + 1))]
          return { cid: a.cid, bytes: car([a.cid], [a, b]) }
        },
      ],
      [
        'that says a block has 2^53 bytes',
        async () => {
          const b = await raw(fresh())
          return { cid: b.cid, bytes: concat([car([b.cid], [b]), varint(2 ** 53 - 1), b.cid.bytes, fresh(200)]) }
        },
      ],
      [
        'with a header of 4 MiB of roots',
        async () => {
          const b = await raw(fresh())
          return {
            cid: b.cid,
            bytes: concat([carHeader(Array.from({ length: 90_000 }, () => b.cid)), section(b.cid.bytes, b.bytes)]),
          }
        },
      ],
    ])('%s is refused and leaves nothing', async (_name, make) => {
      const { cid, bytes } = await make()
      expectFailure(await to.send(bytes, 'application/car'), 400, 'ERROR_INVALID_CAR')
      await to.expectUnseen(cid)
    })
  })
})
