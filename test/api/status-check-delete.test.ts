import { base36 } from 'multiformats/bases/base36'
import { base58btc } from 'multiformats/bases/base58'
import { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { call, expectFailure, fresh, type Nft, type Pin, shared, upload, valueIn } from '../setup/api.ts'
import { type Block, car, cbor, directory, raw } from '../setup/cars.ts'

const { url, apiUrl, key, otherKey } = shared()
const get = (path: string, secret: string | undefined = key) => call(apiUrl, 'GET', path, { key: secret })
const remove = (cid: string, secret = key) => call(apiUrl, 'DELETE', `/${cid}`, { key: secret })
const store = async (secret = key) => valueIn(await upload(apiUrl, secret, fresh(), 'image/png'))
const rename = (cid: string, body: string, secret = key) => call(apiUrl, 'PATCH', `/upload/${cid}`, { key: secret, body })
const unknown = async () => String((await raw(fresh())).cid)

const bad = [
  'nonsense',
  'Qm',
  'QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWKPB',
  'bafybei',
  'bafkreidvbhs33ighmljlvr7zbv2ywwzcmp5adtf4kqvlly67cy56bdtmv',
  '0',
  '%00',
  '..%2F..%2Fetc%2Fpasswd',
  '%F0%9F%99%82',
  'bafkrei'.repeat(200),
]

async function v0(): Promise<{ cid: CID; blocks: Block[] }> {
  const leaf = await raw(fresh())
  const { cid, bytes } = await directory([{ name: 'x', cid: leaf.cid, sizeBytes: 32 }])
  const old = CID.createV0(cid.multihash as never)
  return { cid: old, blocks: [{ cid: old, bytes }, leaf] }
}

describe('the status of an upload', () => {
  it('is the NFT object that the upload was answered with', async () => {
    const nft = await store()
    expect(valueIn(await get(`/${nft.cid}`))).toEqual(nft)
    expect(valueIn(await get(`/${nft.cid}/`))).toEqual(nft)
  })

  it('is found under a CID in another base, and answered in base32', async () => {
    const nft = await store()
    for (const base of [base58btc, base36]) {
      expect(valueIn(await get(`/${CID.parse(nft.cid).toString(base as never)}`)).cid).toBe(nft.cid)
    }
  })

  it.each(bad)('is refused for %s', async (cid) => {
    expectFailure(await get(`/${cid}`), 400, 'ERROR_INVALID_CID', `Invalid CID: ${decodeURIComponent(cid)}`)
  })

  it("is not found for a CID nobody stored, and for another user's", async ({ skip }) => {
    expectFailure(await get(`/${await unknown()}`), 404, 'HTTP_ERROR', 'NFT not found')
    if (!otherKey) return skip('one user only: set KEEPSAKE_KEY_2')
    const { cid } = await store(otherKey)
    expectFailure(await get(`/${cid}`), 404, 'HTTP_ERROR', 'NFT not found')
  })

  it('is under the spelling it was stored with: a CIDv0 is not its CIDv1', async () => {
    const { cid, blocks } = await v0()
    const made = valueIn(await upload(apiUrl, key, car([cid], blocks), 'application/car'))
    expect(made.cid).toBe(String(cid))
    expect(valueIn(await get(`/${cid}`))).toMatchObject({ cid: String(cid), pin: { cid: String(cid), status: 'pinned' } })
    expectFailure(await get(`/${cid.toV1()}`), 404, 'HTTP_ERROR', 'NFT not found')
    // Both may be held, as two uploads.
    const later = valueIn(
      await upload(apiUrl, key, car([cid.toV1()], [{ ...blocks[0]!, cid: cid.toV1() }, blocks[1]!]), 'application/car'),
    )
    expect(later.cid).toBe(String(cid.toV1()))
    const both = valueIn<Nft[]>(await get('/?limit=1000')).map((nft) => nft.cid)
    expect(both).toEqual(expect.arrayContaining([String(cid), String(cid.toV1())]))
    expect((await remove(String(cid))).status).toBe(202)
    expect(valueIn(await get(`/${cid.toV1()}`)).cid).toBe(String(cid.toV1()))
  })
})

describe('check', () => {
  const check = async (cid: string) =>
    valueIn<{ cid: string; pin: Pin; deals: unknown[] }>(await call(apiUrl, 'GET', `/check/${cid}`))

  it('tells anybody about any content', async () => {
    const { cid, pin, pins } = await store()
    const answer = await check(cid)
    expect(Object.keys(answer).toSorted()).toEqual(['cid', 'deals', 'pin', 'pins'])
    expect(answer).toEqual({ cid, pin, pins, deals: [] })
  })

  it('has size null where the status says 0', async () => {
    const root = await cbor({ n: Math.random() })
    expect(valueIn(await upload(apiUrl, key, car([root.cid], [root]), 'application/car')).size).toBe(0)
    expect((await check(String(root.cid))).pin.size).toBeNull()
  })

  it('finds a CIDv0 under its CIDv1 and the reverse', async () => {
    const { cid, blocks } = await v0()
    valueIn(await upload(apiUrl, key, car([cid], blocks), 'application/car'))
    expect((await check(String(cid))).pin.status).toBe('pinned')
    expect((await check(String(cid.toV1()))).pin.status).toBe('pinned')
  })

  it.each(bad)('is refused for %s', async (cid) => {
    expectFailure(await call(apiUrl, 'GET', `/check/${cid}`), 400, 'ERROR_INVALID_CID', `Invalid CID: ${decodeURIComponent(cid)}`)
  })

  it('does not find what nobody stored', async () => {
    expectFailure(await call(apiUrl, 'GET', `/check/${await unknown()}`), 404, 'HTTP_ERROR', 'NFT not found')
  })

  it('does not find the inner blocks of an upload: they are nobody’s root', async () => {
    const { blocks, cid } = await v0()
    valueIn(await upload(apiUrl, key, car([cid], blocks), 'application/car'))
    expectFailure(await call(apiUrl, 'GET', `/check/${blocks[1]!.cid}`), 404, 'HTTP_ERROR', 'NFT not found')
  })
})

describe('deleting an upload', () => {
  it('takes it from the status and the list; check and the gateway still have it', async () => {
    const { cid } = await store()
    expect(await remove(cid)).toMatchObject({ status: 202, text: '{"ok":true}' })
    expectFailure(await get(`/${cid}`), 404, 'HTTP_ERROR', 'NFT not found')
    expect(valueIn<Nft[]>(await get('/?limit=1000')).some((nft) => nft.cid === cid)).toBe(false)
    expect((await call(apiUrl, 'GET', `/check/${cid}`)).status).toBe(200)
    expect((await fetch(`${url}/ipfs/${cid}`)).status).toBe(200)
  })

  it('is not found a second time, nor for what was never there', async () => {
    const { cid } = await store()
    await remove(cid)
    expectFailure(await remove(cid), 404, 'HTTP_ERROR', 'NFT not found')
    expectFailure(await remove(await unknown()), 404, 'HTTP_ERROR', 'NFT not found')
  })

  it("does not reach another user's", async ({ skip }) => {
    if (!otherKey) return skip('one user only: set KEEPSAKE_KEY_2')
    const { cid } = await store(otherKey)
    expectFailure(await remove(cid), 404, 'HTTP_ERROR', 'NFT not found')
    expect((await get(`/${cid}`, otherKey)).status).toBe(200)
  })

  it.each(bad)('is refused for %s', async (cid) => {
    expectFailure(await remove(cid), 400, 'ERROR_INVALID_CID', `Invalid CID: ${decodeURIComponent(cid)}`)
  })

  it('happens once when eight ask for it at once', async () => {
    const { cid } = await store()
    const answers = await Promise.all(Array.from({ length: 8 }, () => remove(cid)))
    expect(answers.map(({ status }) => status).toSorted()).toEqual([202, ...Array(7).fill(404)])
  })
})

describe('renaming an upload', () => {
  it('changes the name and nothing else', async () => {
    const nft = await store()
    const renamed = valueIn(await rename(nft.cid, '{"name":"New näme 🙂"}'))
    expect(renamed).toEqual({ ...nft, name: 'New näme 🙂' })
    expect(valueIn(await get(`/${nft.cid}`))).toEqual(renamed)
  })

  it.each<[string, string, string]>([
    ['no name', '{}', 'ERROR_INVALID_NAME'],
    ['an empty name', '{"name":""}', 'ERROR_INVALID_NAME'],
    ['a name of 1,025 characters', JSON.stringify({ name: 'x'.repeat(1025) }), 'ERROR_INVALID_NAME'],
    ['a name with NUL', '{"name":"a\\u0000b"}', 'ERROR_INVALID_NAME'],
    ['a name that is an object', '{"name":{}}', 'ERROR_INVALID_NAME'],
    ['no body', '', 'ERROR_INVALID_NAME'],
    ['a body that is no JSON', '{', 'ERROR_INVALID_JSON'],
  ])('is refused with %s', async (_name, body, code) => {
    const nft = await store()
    expectFailure(await rename(nft.cid, body), 400, code)
    expect(valueIn(await get(`/${nft.cid}`))).toEqual(nft)
  })

  it('is refused for a bad CID, an unknown one, a deleted one and another user’s', async ({ skip }) => {
    expectFailure(await rename('nonsense', '{"name":"x"}'), 400, 'ERROR_INVALID_CID')
    expectFailure(await rename(await unknown(), '{"name":"x"}'), 404, 'HTTP_ERROR', 'NFT not found')
    const { cid } = await store()
    await remove(cid)
    expectFailure(await rename(cid, '{"name":"x"}'), 404, 'HTTP_ERROR', 'NFT not found')
    if (!otherKey) return skip('one user only: set KEEPSAKE_KEY_2')
    const theirs = await store(otherKey)
    expectFailure(await rename(theirs.cid, '{"name":"x"}'), 404, 'HTTP_ERROR', 'NFT not found')
  })
})
