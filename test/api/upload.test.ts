import { describe, expect, it } from 'vitest'
import { createKeyOver } from '../setup/accounts.ts'
import { call, expectFailure, form, fresh, type Nft, shared, upload, valueIn } from '../setup/api.ts'
import { car, raw } from '../setup/cars.ts'
import { rawCall } from '../setup/raw-request.ts'

const { url, apiUrl, key, otherKey } = shared()
const text = (value: string) => new TextEncoder().encode(value)
const post = (body: BodyInit, type: string, headers?: Record<string, string>) => upload(apiUrl, key, body, type, headers)
const status = async (cid: string) => valueIn(await call(apiUrl, 'GET', `/${cid}`, { key }))
const isDate = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)

describe('an upload of one file', () => {
  it('answers with the whole NFT object', async () => {
    const name = `key ${Math.random()}`
    const nft = valueIn(await upload(apiUrl, await createKeyOver(apiUrl, key, { name }), fresh(1234), 'image/png'))
    expect(nft).toEqual({
      cid: expect.stringMatching(/^bafkrei[a-z2-7]{52}$/),
      created: isDate,
      type: 'image/png',
      scope: name,
      files: [],
      size: 1234,
      name: expect.stringMatching(/^Upload at \d{4}-/),
      parts: [expect.stringMatching(/^bagba[a-z2-7]+$/)],
      pin: { cid: nft.cid, created: isDate, size: 1234, status: 'pinned' },
      pins: [{ backend: 'embedded', status: 'pinned', since: isDate }],
      deals: [],
    })
    expect(await status(nft.cid)).toEqual(nft)
  })

  it.each<[string, Uint8Array<ArrayBuffer>, string]>([
    ['a text', text('hello world!'), 'bafkreidvbhs33ighmljlvr7zbv2ywwzcmp5adtf4kqvlly67cy56bdtmve'],
    ['175 chunks of zeros', new Uint8Array(175 * 262_144), 'bafybeigfps5vzivfspwgm3uwsfyl5s6bn3ysh7uqidgauxgopw4yi66lse'],
  ])('gives %s the CID it had at nft.storage', async (_name, bytes, cid) => {
    expect(valueIn(await post(bytes, 'text/plain')).cid).toBe(cid)
  })

  it.each([
    'image/png',
    'text/plain;charset=UTF-8',
    'application/x-www-form-urlencoded',
    'application/json',
    'application/octet-stream',
    'multipart/mixed; boundary=x',
    'application/carbon',
    'nonsense',
    '; ;;',
  ])('keeps the media type "%s" as it was sent', async (type) => {
    expect(valueIn(await post(fresh(), type)).type).toBe(type)
  })

  it('has the type "" when none was sent', async () => {
    const headers = { authorization: `Bearer ${key}` }
    expect(valueIn(await rawCall(url, { path: '/api/upload', headers }, fresh())).type).toBe('')
  })

  it.each(['image/png', 'application/json', ''])('is refused empty, with the type "%s"', async (type) => {
    expectFailure(await post(new Uint8Array(0), type), 400, 'HTTP_ERROR', 'empty payload')
  })

  it('is named by X-Name, URI-encoded', async () => {
    expect(valueIn(await post(fresh(), 'image/png', { 'x-name': 'My%20c%C3%A4t%20%F0%9F%99%82' })).name).toBe('My cät 🙂')
  })

  it.each([
    ['that is not URI-encoded', '%E0%A4%A', /URI-encoded/],
    ['of 1,025 characters', 'x'.repeat(1025), /1024/],
    ['with NUL', 'a%00b', /NUL/],
    ['of spaces', '%20%20', /empty/],
  ])('is refused with an X-Name %s', async (_name, name, message) => {
    expectFailure(await post(fresh(), 'image/png', { 'x-name': name }), 400, 'ERROR_INVALID_NAME', message)
  })

  it('has a CID that depends on the bytes only', async () => {
    const bytes = fresh()
    const [one, two] = [valueIn(await post(bytes, 'image/png')), valueIn(await post(bytes, 'text/plain'))]
    expect(two.cid).toBe(one.cid)
  })

  it('comes at paths of any case and with one slash at the end', async () => {
    for (const path of ['/upload/', '/UPLOAD', '/Upload/']) {
      valueIn(await call(apiUrl, 'POST', path, { key, body: fresh() }))
    }
  })
})

describe('an upload that is made again', () => {
  it('keeps created, scope and files, and replaces type and name', async () => {
    const bytes = fresh()
    const second = await createKeyOver(apiUrl, key, {})
    const before = valueIn(await post(bytes, 'image/png', { 'x-name': 'one' }))
    const after = valueIn(await upload(apiUrl, second, bytes, 'text/plain', { 'x-name': 'two' }))
    expect(after).toEqual({ ...before, type: 'text/plain', name: 'two' })
  })

  it('comes back after it was deleted, as old as it was', async () => {
    const bytes = fresh()
    const before = valueIn(await post(bytes, 'image/png'))
    expect((await call(apiUrl, 'DELETE', `/${before.cid}`, { key })).status).toBe(202)
    const after = valueIn(await post(bytes, 'image/png'))
    expect(after.created).toBe(before.created)
    expect(await status(before.cid)).toEqual(after)
  })

  it('as a CAR gets one more part and becomes a CAR', async () => {
    const bytes = fresh()
    const before = valueIn(await post(bytes, 'image/png'))
    const block = await raw(bytes)
    // A header in another order of keys makes another file of the same blocks.
    const after = valueIn(await post(car([block.cid], [block, await raw(fresh())]), 'application/car'))
    expect(after).toMatchObject({ cid: before.cid, type: 'application/car', pin: { status: 'pinned' } })
    expect(after.parts).toEqual([...before.parts, expect.any(String)])
  })

  it('by another user is an upload of its own over the same content', async ({ skip }) => {
    if (!otherKey) return skip('one user only: set KEEPSAKE_KEY_2')
    const bytes = fresh()
    const mine = valueIn(await post(bytes, 'image/png', { 'x-name': 'mine' }))
    expectFailure(await call(apiUrl, 'GET', `/${mine.cid}`, { key: otherKey }), 404, 'HTTP_ERROR', 'NFT not found')
    const theirs = valueIn(await upload(apiUrl, otherKey, bytes, 'text/plain', { 'x-name': 'theirs' }))
    expect(theirs).toMatchObject({ cid: mine.cid, type: 'text/plain', name: 'theirs' })
    expect(await status(mine.cid)).toEqual(mine)
    expect((await call(apiUrl, 'DELETE', `/${mine.cid}`, { key: otherKey })).status).toBe(202)
    expect(await status(mine.cid)).toEqual(mine)
  })
})

describe('a multipart upload', () => {
  const send = async (parts: Parameters<typeof form>[0]) => await call(apiUrl, 'POST', '/upload', { key, body: form(parts) })
  const gateway = async (path: string) => await (await fetch(`${url}/ipfs/${path}`)).text()

  it('makes the directory nft.storage made of the same files', async () => {
    const nft = valueIn(
      await send([
        ['file', text('hello world! 1'), 'name1', 'text/plain'],
        ['file', text('hello world! 2'), 'name2', 'text/plain'],
      ]),
    )
    expect(nft).toMatchObject({
      cid: 'bafybeifrkxqq5bbn4fkykfyggoltlb7vn3moyhr3pldzx3me6yiukcfsem',
      type: 'directory',
      size: 130,
      files: [
        { name: 'name1', type: 'text/plain' },
        { name: 'name2', type: 'text/plain' },
      ],
      pin: { status: 'pinned' },
    })
    expect(await gateway(`${nft.cid}/name2`)).toBe('hello world! 2')
  })

  it('wraps a single file, too', async () => {
    const bytes = fresh()
    const nft = valueIn(await send([['file', bytes, 'cat.png', 'image/png']]))
    expect(nft.cid).not.toBe(String((await raw(bytes)).cid))
    expect(nft).toMatchObject({ type: 'directory', files: [{ name: 'cat.png', type: 'image/png' }] })
  })

  it('makes sub-directories of slashes, and none of one in front', async () => {
    const nft = valueIn(
      await send([
        ['file', text('1'), 'a/b/c.txt'],
        ['file', text('2'), '/d.txt'],
        ['file', text('3'), 'a/e.txt'],
      ]),
    )
    expect(await gateway(`${nft.cid}/a/b/c.txt`)).toBe('1')
    expect(await gateway(`${nft.cid}/d.txt`)).toBe('2')
    expect(await gateway(`${nft.cid}/a/e.txt`)).toBe('3')
  })

  it('passes over parts of other names', async () => {
    const bytes = fresh()
    const alone = valueIn(await send([['file', bytes, 'x']]))
    const among = valueIn(
      await send([
        ['note', 'hello'],
        ['other', fresh(300_000), 'y'],
        ['file', bytes, 'x'],
        ['files', fresh(), 'z'],
      ]),
    )
    expect(among.cid).toBe(alone.cid)
  })

  it('takes the last of two files of one name', async () => {
    const nft = valueIn(
      await send([
        ['file', text('first'), 'x'],
        ['file', text('second'), 'x'],
      ]),
    )
    expect(await gateway(`${nft.cid}/x`)).toBe('second')
  })

  it('may be one empty file', async () => {
    expect(valueIn(await send([['file', new Uint8Array(0), 'empty']])).pin.status).toBe('pinned')
  })

  it.each<[string, Parameters<typeof form>[0], string]>([
    ['without files', [['note', 'x']], 'missing input file(s)'],
    ['with files of other names only', [['other', fresh(), 'x']], 'missing input file(s)'],
    ['without parts', [], 'missing input file(s)'],
    ['with a text part called file', [['file', 'text']], 'missing Content-Type in multipart part'],
  ])('is refused %s', async (_name, parts, message) => {
    expectFailure(await send(parts), 400, /^(HTTP_ERROR|ERROR_INVALID_MULTIPART)$/, message)
  })

  it('stores 1,000 files as a sharded directory', async () => {
    const mark = Math.random()
    const nft = valueIn<Nft>(await send(Array.from({ length: 1000 }, (_, n) => ['file', text(`${mark} ${n}`), `${n}`])))
    expect(nft.files).toHaveLength(1000)
    expect(await gateway(`${nft.cid}/777`)).toBe(`${mark} 777`)
  })
})
