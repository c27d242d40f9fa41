import { pieceCidV1, pieceCidV2 } from '@keepsake/content/piece/piece-cid.ts'
import { pieceUrl, signLink } from '@keepsake/server/pieces/signed-links.ts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDownloads } from './download.ts'

let downloads: Awaited<ReturnType<typeof openDownloads>>
let v1: string
let v2: string
beforeAll(async () => {
  downloads = await openDownloads()
  v1 = String(pieceCidV1(downloads.piece))
  v2 = String(pieceCidV2(downloads.piece))
})
afterAll(() => downloads?.close())

const range = (text: string, headers: Record<string, string> = {}) => downloads.get(`/piece/${v1}`, { range: text, ...headers })

describe('a piece', () => {
  test('comes whole under either piece CID, in the path and in the query', async () => {
    for (const path of [`/piece/${v1}`, `/piece/${v2}`, `/piece?id=${v1}`, `/piece/?id=${v2}`]) {
      const { status, headers, body } = await downloads.get(path)
      expect({ path, status }).toEqual({ path, status: 200 })
      expect(body.equals(downloads.bytes)).toBe(true)
      expect(headers).toMatchObject({
        'content-type': 'application/vnd.ipld.car; version=1',
        'content-length': String(downloads.bytes.length),
        'content-disposition': `attachment; filename="${v1}.car"`,
        'accept-ranges': 'bytes',
        etag: `"${v2}"`,
        'x-piece-cid': v1,
        'x-piece-cid-v2': v2,
        'x-piece-size': String(2 ** (downloads.piece.height + 5)),
        'access-control-allow-origin': '*',
      })
      expect(headers['cache-control']).toContain('immutable')
    }
  })

  test('is described by HEAD without a body', async () => {
    const { status, headers, body } = await downloads.get(`/piece/${v2}`, {}, 'HEAD')
    expect({ status, length: body.length }).toEqual({ status: 200, length: 0 })
    expect(headers['content-length']).toBe(String(downloads.bytes.length))
    expect(headers['accept-ranges']).toBe('bytes')
  })

  test.each([
    ['bytes=0-0', 0, 1],
    ['bytes=58-60', 58, 61],
    ['bytes=100-', 100, undefined],
    ['bytes=-1', -1, undefined],
    ['bytes=-100000', -100_000, undefined],
    ['bytes=3000000-99999999999', 3_000_000, undefined],
    ['bytes=3000000-99999999999999999999', 3_000_000, undefined],
    ['bytes=-99999999999999999999', -100_000_000, undefined],
  ])('gives %s', async (text, from, to) => {
    const { status, headers, body } = await range(text)
    const expected = downloads.bytes.subarray(from, to)
    expect(status).toBe(206)
    expect(body.equals(expected)).toBe(true)
    const start = from < 0 ? Math.max(0, downloads.bytes.length + from) : from
    expect(headers['content-range']).toBe(`bytes ${start}-${start + expected.length - 1}/${downloads.bytes.length}`)
  })

  test('gives several ranges in one answer, overlapping and backwards too', async () => {
    const { status, headers, body } = await range('bytes=500-599,0-9,550-649')
    expect(status).toBe(206)
    expect(headers['content-type']).toMatch(/^multipart\/byteranges; boundary=/)
    for (const [from, to] of [
      [500, 600],
      [0, 10],
      [550, 650],
    ])
      expect(body.includes(downloads.bytes.subarray(from, to))).toBe(true)
    expect(body.length).toBe(Number(headers['content-length']))
  })

  test.each(['bytes=10-5', 'bytes=abc', 'pages=1-2', 'bytes=', 'bytes=1-2-3'])(
    'comes whole for %j, which is no range',
    async (text) => {
      const { status, body } = await range(text)
      expect(status).toBe(200)
      expect(body.length).toBe(downloads.bytes.length)
    },
  )

  test('has nothing behind its end: 416 with its size', async () => {
    for (const from of [downloads.bytes.length, '99999999999999999', '9'.repeat(400)]) {
      const { status, headers } = await range(`bytes=${from}-`)
      expect({ from, status }).toEqual({ from, status: 416 })
      expect(headers['content-range']).toBe(`bytes */${downloads.bytes.length}`)
    }
  })

  test('is resumed by If-Range only while it is the same', async () => {
    expect((await range('bytes=5-9', { 'if-range': `"${v2}"` })).status).toBe(206)
    expect((await range('bytes=5-9', { 'if-range': `W/"${v2}"` })).status).toBe(200)
    expect((await range('bytes=5-9', { 'if-range': '"another"' })).status).toBe(200)
    expect((await downloads.get(`/piece/${v1}`, { 'if-none-match': `"${v2}"` })).status).toBe(304)
  })

  test('gives the same bytes to a thousand tiny ranges anywhere, forwards and backwards', async () => {
    for (let round = 0; round < 1000; round++) {
      const from = round % 2 === 0 ? round * 3121 : downloads.bytes.length - 1 - round * 2999
      const at = ((from % downloads.bytes.length) + downloads.bytes.length) % downloads.bytes.length
      const { body } = await range(`bytes=${at}-${at + (round % 7)}`)
      expect(body.equals(downloads.bytes.subarray(at, at + (round % 7) + 1))).toBe(true)
    }
  })

  test.each([
    ['/piece/baga6ea4seaqes3nobte6ezpp4wqan2age2s5yxcatzotcvobhgcmv5wi2xh5mbi', 404, 'There is no piece'],
    ['/piece/bafkqaaa', 400, 'is not the CID of a piece'],
    ['/piece/nonsense', 400, 'is not the CID of a piece'],
    ['/piece', 400, 'Say which piece'],
    ['/piece?id=a&id=b', 400, 'Say which piece'],
  ])('%s is answered with %i and a reason', async (path, status, message) => {
    const answer = await downloads.get(path)
    expect(answer.status).toBe(status)
    expect(JSON.parse(answer.body.toString())).toMatchObject({ ok: false, error: { message: expect.stringContaining(message) } })
  })

  test('is not another one that only has the same root', async () => {
    const longer = pieceCidV2({ ...downloads.piece, payloadBytes: downloads.piece.payloadBytes + 1 })
    expect((await downloads.get(`/piece/${longer}`)).status).toBe(404)
  })

  test('can be asked for by a page of another site', async () => {
    const { status, headers } = await downloads.get(`/piece/${v1}`, { origin: 'https://example.org' }, 'OPTIONS')
    expect(status).toBe(204)
    expect(headers['access-control-allow-headers']).toContain('Range')
  })
})

describe('a piece whose shard is gone', () => {
  test('is refused where nothing was sent yet, and cut short where something was', async () => {
    const damaged = await openDownloads()
    try {
      await damaged.blobs.delete(String(damaged.shards[0]))
      await damaged.blobs.delete(String(damaged.shards[30]))
      const cid = pieceCidV1(damaged.piece)
      const first = await damaged.get(`/piece/${cid}`, { range: 'bytes=100-200' })
      expect(first.status).toBe(500)
      expect(JSON.parse(first.body.toString()).error).toMatchObject({ code: 'ERROR_CONTENT_DAMAGED' })
      const later = await damaged.get(`/piece/${cid}`, { range: 'bytes=2000-' })
      expect({ status: later.status, cut: later.cut }).toEqual({ status: 206, cut: true })
      expect(later.body.length).toBeLessThan(Number(later.headers['content-length']))
      expect(damaged.bytes.subarray(2000).subarray(0, later.body.length).equals(later.body)).toBe(true)
    } finally {
      await damaged.close()
    }
  })
})

describe('pieces that are given by signed links only', () => {
  const secret = new Uint8Array(32).fill(5)
  let signed: Awaited<ReturnType<typeof openDownloads>>
  beforeAll(async () => {
    signed = await openDownloads({ downloads: 'signed', secret })
  })
  afterAll(() => signed?.close())

  const pathOf = (link: { expires: number; signature: string }, cid = String(pieceCidV1(signed.piece))) => {
    const { pathname, search } = new URL(pieceUrl('http://localhost', cid, link))
    return pathname + search
  }

  test('come by a link, whichever version of the CID it names, in the path or the query', async () => {
    const link = signLink(secret, signed.piece, new Date(Date.now() + 60_000))
    expect((await signed.get(pathOf(link))).body.equals(signed.bytes)).toBe(true)
    expect((await signed.get(pathOf(link, String(pieceCidV2(signed.piece))), { range: 'bytes=1-3' })).status).toBe(206)
    const query = `/piece?id=${pieceCidV2(signed.piece)}&expires=${link.expires}&signature=${link.signature}`
    const { status, headers } = await signed.get(query, {}, 'HEAD')
    expect(status).toBe(200)
    expect(headers['cache-control']).toContain('private')
  })

  test('do not come without a link, by a changed one, or by that of another piece', async () => {
    const link = signLink(secret, signed.piece, new Date(Date.now() + 60_000))
    const other = signLink(secret, { root: new Uint8Array(32) }, new Date(Date.now() + 60_000))
    const elsewhere = signLink(new Uint8Array(32).fill(6), signed.piece, new Date(Date.now() + 60_000))
    for (const path of [
      `/piece/${pieceCidV1(signed.piece)}`,
      pathOf({ ...link, expires: link.expires + 1 }),
      pathOf({ ...link, signature: `A${link.signature.slice(1)}` }).replace(
        /signature=A/,
        link.signature[0] === 'A' ? 'signature=B' : 'signature=A',
      ),
      pathOf({ ...link, signature: '' }),
      // Other spellings of the same bytes and the same number.
      pathOf({ ...link, signature: `${link.signature}=` }),
      pathOf({ ...link, signature: ` ${link.signature}` }),
      pathOf({ ...link, signature: link.signature.slice(0, -1) + String.fromCharCode(link.signature.charCodeAt(42) + 1) }),
      pathOf(link).replace('expires=', 'expires=0'),
      `${pathOf(link)}&signature=${link.signature}`,
      pathOf(other),
      pathOf(elsewhere),
    ]) {
      const { status, body } = await signed.get(path)
      expect({ path, status }).toEqual({ path, status: 403 })
      expect(JSON.parse(body.toString()).error.code).toBe('ERROR_PIECE_LINK')
    }
  })

  test('do not come by a link that has ended', async () => {
    const { status, body } = await signed.get(pathOf(signLink(secret, signed.piece, new Date(Date.now() - 1500))))
    expect(status).toBe(410)
    expect(JSON.parse(body.toString()).error.message).toMatch(/^This link ended at .* Ask for a new one\.$/)
  })
})
