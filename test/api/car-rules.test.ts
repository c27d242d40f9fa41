import * as dagCbor from '@ipld/dag-cbor'
import * as dagPb from '@ipld/dag-pb'
import { CID } from 'multiformats/cid'
import { create } from 'multiformats/hashes/digest'
import { identity } from 'multiformats/hashes/identity'
import { sha512 } from 'multiformats/hashes/sha2'
import { describe, expect, it } from 'vitest'
import { call, expectFailure, fresh, shared, upload, valueIn } from '../setup/api.ts'
import {
  type Block,
  blockOf,
  car,
  carHeader,
  carV2,
  cbor,
  concat,
  directory,
  identityCid,
  json,
  madeUpCid,
  RAW,
  raw,
  section,
  varint,
} from '../setup/cars.ts'

const { url, apiUrl, key } = shared()
const send = (bytes: Uint8Array<ArrayBuffer>, type = 'application/car') => upload(apiUrl, key, bytes, type)

/** A directory with one file of its own. */
async function folder(): Promise<{ root: Block; leaf: Block; blocks: Block[] }> {
  const leaf = await raw(fresh(100))
  const root = await directory([{ name: 'a', cid: leaf.cid, sizeBytes: 100 }])
  return { root, leaf, blocks: [root, leaf] }
}

const intoV0 = ({ bytes, cid }: Block): Block => ({ bytes, cid: CID.createV0(cid.multihash as never) })

describe('a CAR that is accepted', () => {
  it('is stored with the type application/car and its root as the CID', async () => {
    const { root, blocks } = await folder()
    const nft = valueIn(await send(car([root.cid], blocks)))
    const size = root.bytes.length + 100
    expect(nft).toMatchObject({
      cid: String(root.cid),
      type: 'application/car',
      files: [],
      size,
      pin: { status: 'pinned', size },
    })
    expect(nft.parts).toHaveLength(1)
  })

  it.each([
    'application/car',
    'application/vnd.ipld.car',
    'application/vnd.ipld.car; version=1',
    'application/car;charset=UTF-8',
    'APPLICATION/CAR',
  ])('may be called %s', async (type) => {
    const { root, blocks } = await folder()
    expect(valueIn(await send(car([root.cid], blocks), type))).toMatchObject({ cid: String(root.cid), type: 'application/car' })
  })

  it.each<[string, () => Promise<{ root: Block; blocks: Block[] }>]>([
    [
      'has its root last',
      async () => {
        const f = await folder()
        return { root: f.root, blocks: f.blocks.toReversed() }
      },
    ],
    [
      'has blocks twice',
      async () => {
        const f = await folder()
        return { root: f.root, blocks: [...f.blocks, ...f.blocks] }
      },
    ],
    [
      'has blocks nobody links to',
      async () => {
        const f = await folder()
        return { root: f.root, blocks: [...f.blocks, await raw(fresh())] }
      },
    ],
    [
      'is one raw block',
      async () => {
        const root = await raw(fresh())
        return { root, blocks: [root] }
      },
    ],
    [
      'is one dag-cbor block without links',
      async () => {
        const root = await cbor({ n: Math.random() })
        return { root, blocks: [root] }
      },
    ],
    [
      'is one dag-pb block without links',
      async () => {
        const root = await blockOf(dagPb.code, dagPb.encode({ Data: fresh(), Links: [] }))
        return { root, blocks: [root] }
      },
    ],
    [
      'has a block of exactly 2 MiB',
      async () => {
        const root = await raw(fresh(2_097_152))
        return { root, blocks: [root] }
      },
    ],
    [
      'has an empty block',
      async () => {
        const leaf = await raw('')
        const root = await cbor([leaf.cid, Math.random()])
        return { root, blocks: [root, leaf] }
      },
    ],
    [
      'is hashed with sha2-512',
      async () => {
        const root = await raw(fresh(), (b) => sha512.digest(b))
        return { root, blocks: [root] }
      },
    ],
    [
      'links to an identity CID',
      async () => {
        const root = await cbor([identityCid(RAW, fresh()), Math.random()])
        const leaf = await raw(fresh())
        return { root, blocks: [root, leaf] }
      },
    ],
  ])('%s, and is pinned', async (_name, make) => {
    const { root, blocks } = await make()
    expect(valueIn(await send(car([root.cid], blocks)))).toMatchObject({ cid: String(root.cid), pin: { status: 'pinned' } })
  })

  it('may have unreachable blocks that link to what is not there', async () => {
    const { root, blocks } = await folder()
    const stray = await cbor([(await raw(fresh())).cid])
    expect(valueIn(await send(car([root.cid], [...blocks, stray]))).pin.status).toBe('pinned')
  })

  it('may be a CARv2', async () => {
    const { root, blocks } = await folder()
    expect(valueIn(await send(carV2(car([root.cid], blocks))))).toMatchObject({
      cid: String(root.cid),
      pin: { status: 'pinned' },
    })
    expect((await fetch(`${url}/ipfs/${root.cid}/a`)).status).toBe(200)
  })

  it('keeps the spelling of a CIDv0 root', async () => {
    const { root, leaf } = await folder()
    const old = intoV0(root)
    expect(valueIn(await send(car([old.cid], [old, leaf]))).cid).toBe(String(old.cid))
    expect(String(old.cid)).toMatch(/^Qm/)
  })

  it('has size 0 when its root is dag-cbor', async () => {
    const root = await cbor({ n: Math.random() })
    expect(valueIn(await send(car([root.cid], [root]))).size).toBe(0)
  })

  it('may have a dag-json root, which is readable here and so pinned', async () => {
    const leaf = await raw(fresh())
    const root = await json({ leaf: leaf.cid, n: Math.random() })
    expect(valueIn(await send(car([root.cid], [root, leaf])))).toMatchObject({ cid: String(root.cid), pin: { status: 'pinned' } })
  })

  it('may have a root of a codec nobody knows, and says why its pin cannot stand', async () => {
    const root = await blockOf(0x0129_99, fresh())
    const nft = valueIn(await send(car([root.cid], [root])))
    expect(nft).toMatchObject({ cid: String(root.cid), size: 0, pin: { status: 'pinning' } })
  })
})

const invalid = 'ERROR_INVALID_CAR'

describe('a CAR that is refused', () => {
  it.each<[string, () => Promise<Uint8Array<ArrayBuffer>>, string | RegExp]>([
    ['is empty', async () => new Uint8Array(0), /./],
    ['is garbage', async () => fresh(1000), /./],
    ['is text', async () => concat([new TextEncoder().encode('<html>not a car</html>')]), /./],
    ['has a header that is no CBOR', async () => section(fresh(30)), /./],
    ['has a header longer than itself', async () => concat([varint(1_000_000), fresh(10)]), /./],
    ['has a header of absurd length', async () => concat([varint(2 ** 40), fresh(10)]), /./],
    ['has an endless varint', async () => new Uint8Array(20).fill(0xff), /./],
    ['is of version 3', async () => concat([carHeader([(await folder()).root.cid], 3)]), /version/i],
    [
      'is cut inside a block',
      async () => {
        const { root, blocks } = await folder()
        return car([root.cid], blocks).slice(0, -1)
      },
      /Unexpected end of data/,
    ],
    [
      'is cut inside a CID',
      async () => {
        const { root, blocks } = await folder()
        return concat([car([root.cid], blocks), varint(50), new Uint8Array([1, 0x55])])
      },
      /Unexpected end of data/,
    ],
    [
      'has a section of no length',
      async () => {
        const { root, blocks } = await folder()
        return concat([car([root.cid], blocks), new Uint8Array([0])])
      },
      /./,
    ],
    [
      'has a section that is no CID',
      async () => {
        const { root, blocks } = await folder()
        return concat([car([root.cid], blocks), section(new Uint8Array(40).fill(0xee))])
      },
      /./,
    ],
    ['has no roots', async () => car([], (await folder()).blocks), 'missing roots'],
    ['has no list of roots', async () => concat([carHeader(undefined)]), /header/],
    [
      'has two roots',
      async () => {
        const { root, leaf, blocks } = await folder()
        return car([root.cid, leaf.cid], blocks)
      },
      'too many roots',
    ],
    ['has no blocks', async () => car([(await folder()).root.cid], []), 'empty CAR'],
    [
      'lacks its root',
      async () => {
        const { root, leaf } = await folder()
        return car([root.cid], [leaf])
      },
      'missing root block',
    ],
    [
      'is a dag-pb root alone that has links',
      async () => {
        const { root } = await folder()
        return car([root.cid], [root])
      },
      'CAR must contain at least one non-root block',
    ],
    [
      'is a dag-cbor root alone that has links',
      async () => {
        const root = await cbor([(await raw(fresh())).cid])
        return car([root.cid], [root])
      },
      'CAR must contain at least one non-root block',
    ],
    [
      'has a block of 2 MiB and a byte',
      async () => {
        const b = await raw(fresh(2_097_153))
        return car([b.cid], [b])
      },
      'block too big: 2097153 > 2097152',
    ],
    [
      'says a block has a terabyte',
      async () => {
        const { root } = await folder()
        return concat([carHeader([root.cid]), varint(2 ** 40), root.cid.bytes, root.bytes])
      },
      /./,
    ],
    [
      'has a block that is not what its CID says',
      async () => {
        const { root, leaf } = await folder()
        return car([root.cid], [root, { cid: leaf.cid, bytes: fresh(100) }])
      },
      /failed hash verification: bafkrei\w+: CID hash does not match bytes/,
    ],
    [
      'has a root that is not what its CID says',
      async () => {
        const b = await raw(fresh())
        return car([b.cid], [{ cid: b.cid, bytes: fresh() }])
      },
      /CID hash does not match bytes/,
    ],
    [
      'has one byte changed',
      async () => {
        const { root, blocks } = await folder()
        const bytes = car([root.cid], blocks)
        bytes[bytes.length - 1]! ^= 1
        return bytes
      },
      /CID hash does not match bytes/,
    ],
    [
      'has a digest cut short',
      async () => {
        const bytes = fresh()
        const { cid } = await raw(bytes)
        const short = madeUpCid(RAW, 0x12, cid.multihash.digest.slice(0, 20))
        return car([short], [{ cid: short, bytes }])
      },
      /CID hash does not match bytes/,
    ],
    [
      'has an empty digest',
      async () => {
        const short = madeUpCid(RAW, 0x12, new Uint8Array(0))
        return car([short], [{ cid: short, bytes: fresh() }])
      },
      /./,
    ],
    [
      'is hashed with sha1',
      async () => {
        const cid = madeUpCid(RAW, 0x11, fresh(20))
        return car([cid], [{ cid, bytes: fresh() }])
      },
      /multihash code 17 is not supported/,
    ],
    [
      'is hashed with identity',
      async () => {
        const b = await raw('identity', (x) => identity.digest(x))
        return car([b.cid], [b])
      },
      /multihash code 0 is not supported/,
    ],
    [
      'is hashed with a hash nobody knows',
      async () => {
        const cid = CID.createV1(RAW, create(0x9999, fresh()))
        return car([cid], [{ cid, bytes: fresh() }])
      },
      /multihash code 39321 is not supported/,
    ],
    [
      'has a dag-pb root that is none',
      async () => {
        const b = await blockOf(dagPb.code, new Uint8Array([0xff, 0xff, 0xff]))
        return car([b.cid], [b])
      },
      /dag-pb/,
    ],
    [
      'has a dag-cbor root that is none',
      async () => {
        const b = await blockOf(dagCbor.code, new Uint8Array([0xff]))
        return car([b.cid], [b])
      },
      /dag-cbor/,
    ],
    [
      'has a dag-cbor block that is none',
      async () => {
        const bad = await blockOf(dagCbor.code, new Uint8Array([0x9f]))
        const root = await cbor([bad.cid])
        return car([root.cid], [root, bad])
      },
      /dag-cbor/,
    ],
    [
      'is a CARv2 cut short',
      async () => {
        const { root, blocks } = await folder()
        return carV2(car([root.cid], blocks)).slice(0, -10)
      },
      /./,
    ],
    ['is the header of a CARv2 alone', async () => carV2(new Uint8Array(0)), /./],
  ])('%s', async (_name, make, message) => {
    const bytes = await make()
    const answer = await send(bytes)
    expectFailure(answer, 400, invalid, /^Invalid CAR file received: ./)
    const { error } = JSON.parse(answer.text) as { error: { message: string } }
    if (typeof message === 'string') expect(error.message).toBe(`Invalid CAR file received: ${message}`)
    else expect(error.message).toMatch(message)
  })

  it('leaves nothing of itself behind', async () => {
    const { root, leaf, blocks } = await folder()
    const bad = await raw(fresh())
    expectFailure(await send(car([root.cid], [...blocks, { cid: bad.cid, bytes: fresh() }])), 400, invalid)
    for (const { cid } of [root, leaf]) {
      expectFailure(await call(apiUrl, 'GET', `/check/${cid}`), 404, 'HTTP_ERROR', 'NFT not found')
      expect((await fetch(`${url}/ipfs/${cid}?format=raw`)).status).toBe(404)
    }
    expectFailure(await call(apiUrl, 'GET', `/${root.cid}`, { key }), 404, 'HTTP_ERROR', 'NFT not found')
  })
})
