import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as dagCbor from '@ipld/dag-cbor'
import * as dagPb from '@ipld/dag-pb'
import type { CID } from 'multiformats/cid'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Answer, call, eventually, expectFailure, form, fresh, type Nft, upload, valueIn } from '../setup/api.ts'
import { type Block, blockOf, car, carHeader, cbor, concat, identityCid, RAW, raw, section, varint } from '../setup/cars.ts'
import { multipart, multipartType, part } from '../setup/multipart.ts'
import { answerTo, exchange, open, type RawCall, rawCall } from '../setup/raw-request.ts'
import { type Server, startServer } from '../setup/server.ts'
import { startsServers } from '../setup/shared.ts'

const MiB = 1024 * 1024
const maxUploadBytes = 8 * MiB
const idleMs = 1000

describe.skipIf(!startsServers)('whatever is sent', () => {
  let server: Server
  let key: string
  let authorization: string
  beforeAll(async () => {
    const env = { UPLOAD_IDLE_TIMEOUT_MS: String(idleMs), MAX_UPLOAD_BYTES: String(maxUploadBytes), LOG_LEVEL: 'error' }
    server = await startServer({ env })
    key = await server.createKey()
    authorization = `Bearer ${key}`
  })
  afterAll(() => server?.stop())

  const send = (body: Uint8Array<ArrayBuffer>, type: string) => upload(server.apiUrl, key, body, type)
  const list = async () => valueIn<Nft[]>(await call(server.apiUrl, 'GET', '/?limit=1000', { key })).map(({ cid }) => cid)

  async function stagedFiles(): Promise<string[]> {
    const folder = join(server.dataDir, 'blobs/.staging')
    return (await readdir(folder, { recursive: true, withFileTypes: true }))
      .filter((e) => e.isFile())
      .map((e) => join(e.parentPath, e.name))
  }

  let logged = 0
  beforeEach(() => {
    logged = server.output().length
  })

  // After every single test: nothing broke, nothing is left.
  afterEach(async () => {
    const health = await fetch(`${server.url}/health`)
    expect(health.status).toBe(200)
    await eventually(async () => ((await stagedFiles()).length === 0 ? true : undefined), 8_000)
    expect(server.output().slice(logged), 'nothing unexpected goes to the log').not.toMatch(/"level":(50|60)/)
  })

  async function expectUnseen(cid: CID): Promise<void> {
    expectFailure(await call(server.apiUrl, 'GET', `/check/${cid}`), 404, 'HTTP_ERROR')
    expect((await fetch(`${server.url}/ipfs/${cid}?format=raw`)).status).toBe(404)
    expect(await list()).not.toContain(String(cid))
  }

  describe('as a CAR', () => {
    it('that claims a block it does not hold is pinning, says what is missing, and never gives a wrong byte', async () => {
      const [here, missing] = [await raw(fresh()), await raw(fresh())]
      const root = await cbor({ here: here.cid, missing: missing.cid })
      const nft = valueIn(await send(car([root.cid], [root, here]), 'application/car'))
      expect(nft.pin.status).toBe('pinning')
      const later = await eventually(async () => {
        const now = valueIn(await call(server.apiUrl, 'GET', `/${root.cid}`, { key }))
        return now.pin.missing?.blocks ? now : undefined
      })
      expect(later.pin.missing).toMatchObject({ blocks: 1, cids: [String(missing.cid)] })
      expect((await fetch(`${server.url}/ipfs/${root.cid}/missing`)).status).toBe(404)
      expect((await fetch(`${server.url}/ipfs/${root.cid}/here`)).status).toBe(200)
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
      const nft = valueIn(await send(car([blocks[0]!.cid], blocks), 'application/car'))
      expect(nft.pin.status).toBe('pinned')
      expect((await fetch(`${server.url}/ipfs/${blocks[0]!.cid}`)).status).toBe(200)
      for (const path of [`${'/d'.repeat(5000)}`, '?format=tar', '?format=car']) {
        // A CAR that cannot go on is broken off, which the client sees; what matters is that it ends and nothing else suffers.
        const response = await fetch(`${server.url}/ipfs/${blocks[0]!.cid}${path}`).catch(() => undefined)
        if (path !== '?format=car') expect(response?.status).toBe(400)
        await response?.arrayBuffer().catch(() => undefined)
      }
    })

    it('of directories nested 10,000 deep in two halves is found complete', async () => {
      const blocks = await chain(10_000)
      const root = blocks[0]!
      valueIn(await send(car([root.cid], blocks.slice(0, 5000)), 'application/car'))
      valueIn(await send(car([root.cid], [root, ...blocks.slice(5000)]), 'application/car'))
      await eventually(
        async () =>
          valueIn(await call(server.apiUrl, 'GET', `/${root.cid}`, { key })).pin.status === 'pinned' ? true : undefined,
        60_000,
      )
    })

    const nested = (depth: number) => new Uint8Array([...new Uint8Array(depth).fill(0x81), 0x1a, ...fresh(4).map((b) => b | 1)])
    it.each([100, 10_000, 1_000_000])(
      'whose root is dag-cbor nested %i deep is stored or refused in so many words',
      async (depth) => {
        const root = await blockOf(dagCbor.code, nested(depth))
        const answer = await send(car([root.cid], [root]), 'application/car')
        if (answer.status === 200) {
          const response = await fetch(`${server.url}/ipfs/${root.cid}?format=dag-json`)
          expect(response.status).not.toBe(500)
        } else expectFailure(answer, 400, 'ERROR_INVALID_CAR', /nested too deeply/)
      },
    )

    it.each([10_000, 1_000_000])(
      'with a dag-cbor block below its root nested %i deep is stored or refused in so many words',
      async (depth) => {
        const deep = await blockOf(dagCbor.code, nested(depth))
        const root = await cbor([deep.cid])
        const answer = await send(car([root.cid], [root, deep]), 'application/car')
        if (answer.status !== 200) expectFailure(answer, 400, 'ERROR_INVALID_CAR', /nested too deeply/)
      },
    )

    it('with a million links in a block is answered in seconds', async () => {
      const cid = (await raw('x')).cid
      const root = await cbor(Array.from({ length: 45_000 }, () => cid))
      const leaf = await raw('x')
      expect(valueIn(await send(car([root.cid], [root, leaf]), 'application/car')).pin.status).toBe('pinned')
    }, 20_000)

    it('that links through an identity CID is complete only with what is behind it', async () => {
      const leaf = await raw(fresh())
      const bridge = identityCid(dagCbor.code, dagCbor.encode([leaf.cid]))
      const root = await cbor({ bridge, n: Math.random() })
      const other = await raw(fresh())
      expect(valueIn(await send(car([root.cid], [root, other]), 'application/car')).pin.status).toBe('pinning')
      expect(valueIn(await send(car([root.cid], [root, leaf]), 'application/car')).pin.status).toBe('pinned')
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
      const answer = await send(car([root.cid], [root, await raw(fresh())]), 'application/car')
      if (answer.status === 200) await (await fetch(`${server.url}/ipfs/${root.cid}/bridge`)).arrayBuffer()
      else expectFailure(answer, 400, 'ERROR_INVALID_CAR')
    })

    it('with an identity CID as its root is refused', async () => {
      const root = identityCid(RAW, fresh(8))
      expectFailure(
        await send(car([root], [await raw(fresh())]), 'application/car'),
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
      valueIn(await send(car([root.cid], [root, leaf]), 'application/car'))
      const page = await fetch(`${server.url}/ipfs/${root.cid}/`, { headers: { accept: 'text/html' } })
      expect(page.status).not.toBe(500)
      expect(await page.text()).not.toContain('<script>alert')
      const tar = await fetch(`${server.url}/ipfs/${root.cid}?format=tar`)
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
      expectFailure(await send(bytes, 'application/car'), 400, 'ERROR_INVALID_CAR')
      await expectUnseen(cid)
    })
  })

  describe('as a form', () => {
    const file = (name: string) => multipart([part('file', name, fresh()), part('file', 'good.txt', 'good')])

    it.each([
      '../../etc/passwd',
      '..',
      'a/../../b',
      '/../x',
      'a/..',
      '..\\..\\windows',
      'nul\0nul',
      'x'.repeat(1025),
      'x'.repeat(65_536),
      'd/'.repeat(60),
    ])('with a file called %j is refused or kept inside its directory', async (name) => {
      const answer = await send(file(name), multipartType)
      if (answer.status !== 200)
        return expectFailure(
          answer,
          answer.status === 413 ? 413 : 400,
          /^(HTTP_ERROR|ERROR_INVALID_MULTIPART|PAYLOAD_TOO_LARGE)$/,
        )
      const { cid } = valueIn(answer)
      expect(await (await fetch(`${server.url}/ipfs/${cid}/good.txt`)).text()).toBe('good')
    })

    it.each(['..', 'a/../../b', '../../etc/passwd', 'nul\0nul', 'x'.repeat(65_536)])(
      'with a file called %j names nothing outside',
      async (name) => {
        expect((await send(file(name), multipartType)).status).toBeGreaterThanOrEqual(400)
      },
    )

    it.each<[string, string, Uint8Array<ArrayBuffer>]>([
      ['without a boundary in its type', 'multipart/form-data', file('x')],
      ['with an empty boundary', 'multipart/form-data; boundary=', file('x')],
      ['with another boundary than it says', 'multipart/form-data; boundary=other', file('x')],
      ['that is garbage', multipartType, fresh(10_000)],
      ['that is empty', multipartType, new Uint8Array(0)],
      [
        'that ends in the middle of a file',
        multipartType,
        multipart([part('file', 'x', fresh(300_000))], { end: false }).slice(0, -10),
      ],
      ['that ends in the middle of a header', multipartType, multipart([part('file', 'x', fresh())]).slice(0, 60)],
      ['that lacks its last boundary', multipartType, multipart([part('file', 'x', fresh())], { end: false })],
      [
        'of 2,000 text parts',
        multipartType,
        multipart([...Array.from({ length: 2000 }, (_, n) => part(`t${n}`, undefined, 'x')), part('file', 'x', fresh())]),
      ],
      [
        'with a file and a directory of one name',
        multipartType,
        multipart([part('file', 'a', fresh()), part('file', 'a/b', fresh())]),
      ],
    ])('%s is refused', async (_name, type, body) => {
      const before = await list()
      const answer = await send(body, type)
      expect([400, 413]).toContain(answer.status)
      expectFailure(answer, answer.status, /^(HTTP_ERROR|ERROR_INVALID_MULTIPART|PAYLOAD_TOO_LARGE)$/)
      expect(await list()).toEqual(before)
    })

    it('to /store that is garbage is refused', async () => {
      for (const body of [
        fresh(1000),
        new Uint8Array(0),
        multipart([part('meta', undefined, '{}')], { end: false }).slice(0, -8),
      ]) {
        const answer = await call(server.apiUrl, 'POST', '/store', { key, body, headers: { 'content-type': multipartType } })
        expectFailure(answer, 400, /^(HTTP_ERROR|ERROR_INVALID_MULTIPART)$/)
      }
    })

    it.each(['../../etc/passwd', '..', '', 'a/b', 'nul\0', 'x'.repeat(5000), '%2e%2e', '?#'])(
      'to /store with a file called %j is refused or stays inside',
      async (name) => {
        const body = multipart([part('meta', undefined, '{}'), part('image', name, fresh())])
        const answer = await call(server.apiUrl, 'POST', '/store', { key, body, headers: { 'content-type': multipartType } })
        if (answer.status !== 200) return expectFailure(answer, 400, /./)
        const { data } = valueIn<{ data: { image: string } }>(answer)
        expect(data.image).toMatch(/^ipfs:\/\/bafybei\w{52}\//)
      },
    )
  })

  const uploads: [name: string, type: string, start: () => Promise<Uint8Array>][] = [
    ['a file', 'image/png', async () => fresh(500_000)],
    [
      'a CAR',
      'application/car',
      async () => {
        const b = await raw(fresh(MiB))
        return car([b.cid], [b]).slice(0, 500_000)
      },
    ],
    ['a form', multipartType, async () => multipart([part('file', 'x', fresh(500_000))], { end: false })],
  ]

  const begin = (type: string, more: Record<string, string> = {}): RawCall => ({
    path: '/api/upload',
    headers: { authorization, 'content-type': type, ...more },
  })

  describe('by a client that stalls', () => {
    it.each(uploads)('in the middle of %s: it is told 408 and nothing is kept', async (_name, type, start) => {
      const before = await list()
      const pending = open(server.url, begin(type, { 'content-length': '5000000' }))
      const answer = answerTo(pending)
      pending.write(await start())
      expectFailure(await answer, 408, 'REQUEST_TIMEOUT', /1 seconds?/)
      pending.destroy()
      expect(await list()).toEqual(before)
    })

    it.each(['/api/upload', '/api/store', '/api/internal/tokens'])(
      'before the first byte to %s: the connection is not held for ever',
      async (path) => {
        const pending = open(server.url, {
          path,
          headers: { authorization, 'content-type': multipartType, 'content-length': '1000' },
        })
        const answer = answerTo(pending)
        pending.flushHeaders()
        const told = await Promise.race([answer, sleep(8_000)])
        pending.destroy()
        await answer.catch(() => undefined)
        expect(told, 'an answer').toBeDefined()
        expectFailure(told as Answer, 408, 'REQUEST_TIMEOUT')
      },
    )

    it('a byte now and then is no stall', async () => {
      const pending = open(server.url, begin('image/png', { 'content-length': '5' }))
      const answer = answerTo(pending)
      for (let n = 0; n < 5; n++) {
        pending.write(fresh(1))
        await sleep(400)
      }
      pending.end()
      expect(valueIn(await answer).size).toBe(5)
    })
  })

  describe('by a client that goes away', () => {
    it.each(uploads)('in the middle of %s: nothing is kept', async (_name, type, start) => {
      const before = await list()
      const pending = open(server.url, begin(type, { 'content-length': '5000000' }))
      pending.on('error', () => {})
      pending.write(await start())
      await sleep(100)
      pending.destroy()
      await eventually(async () => ((await stagedFiles()).length === 0 ? true : undefined), 3_000)
      expect(await list()).toEqual(before)
    })

    it('with twenty uploads at once: nothing is kept', async () => {
      const before = await list()
      await Promise.all(
        Array.from({ length: 20 }, async () => {
          const pending = open(server.url, begin('image/png', { 'transfer-encoding': 'chunked' }))
          pending.on('error', () => {})
          pending.write(fresh(100_000))
          await sleep(50 + Math.random() * 100)
          pending.destroy()
        }),
      )
      await eventually(async () => ((await stagedFiles()).length === 0 ? true : undefined), 3_000)
      expect(await list()).toEqual(before)
    })
  })

  describe('as more than MAX_UPLOAD_BYTES', () => {
    it('is refused by its announced length before a byte is sent', async () => {
      const pending = open(server.url, begin('image/png', { 'content-length': String(maxUploadBytes + 1) }))
      const answer = answerTo(pending)
      pending.flushHeaders()
      expectFailure(await answer, 413, 'PAYLOAD_TOO_LARGE', /at most 8388608 bytes \(MAX_UPLOAD_BYTES\), got 8388609/)
      pending.destroy()
    })

    it.each(uploads.map(([name, type]) => [name, type]))(
      'is refused without a length when it passes the limit, as %s',
      async (_name, type) => {
        const body =
          type === 'image/png'
            ? fresh(maxUploadBytes + 1)
            : type === multipartType
              ? multipart([part('file', 'x', fresh(maxUploadBytes))])
              : await bigCar()
        const before = await list()
        const answer = await rawCall(server.url, begin(type, { 'transfer-encoding': 'chunked' }), body)
        expectFailure(answer, 413, 'PAYLOAD_TOO_LARGE', /at most 8388608 bytes \(MAX_UPLOAD_BYTES\)/)
        expect(await list()).toEqual(before)
      },
    )

    async function bigCar(): Promise<Uint8Array> {
      const leaves = await Promise.all(Array.from({ length: 9 }, () => raw(fresh(MiB))))
      const root = await cbor(leaves.map(({ cid }) => cid))
      return car([root.cid], [root, ...leaves])
    }

    it('is answered readably even when the client sends all of it first', async () => {
      const answer = await upload(server.apiUrl, key, fresh(3 * maxUploadBytes), 'image/png')
      expectFailure(answer, 413, 'PAYLOAD_TOO_LARGE')
    })
  })

  describe('twice at once', () => {
    it.each([2, 16])('%i uploads of the same file make one', async (count) => {
      const bytes = fresh(300_000)
      const answers = await Promise.all(Array.from({ length: count }, () => send(bytes, 'image/png')))
      const made = answers.map((answer) => valueIn(answer))
      expect(new Set(made.map(({ cid }) => cid)).size).toBe(1)
      expect(new Set(made.map(({ created }) => created)).size).toBe(1)
      const nft = valueIn(await call(server.apiUrl, 'GET', `/${made[0]!.cid}`, { key }))
      expect(nft.parts).toHaveLength(1)
      expect((await list()).filter((cid) => cid === nft.cid)).toHaveLength(1)
      expect(Buffer.compare(Buffer.from(await (await fetch(`${server.url}/ipfs/${nft.cid}`)).arrayBuffer()), bytes)).toBe(0)
    })

    it('the same content as a file, as a CAR and by sixteen requests in all keeps every part once', async () => {
      const bytes = fresh(1000)
      const block = await raw(bytes)
      const answers = await Promise.all(
        Array.from({ length: 16 }, (_, n) =>
          n % 2 ? send(bytes, 'image/png') : send(car([block.cid], [block, ...(n % 4 ? [block] : [])]), 'application/car'),
        ),
      )
      for (const answer of answers) expect(valueIn(answer).cid).toBe(String(block.cid))
      const nft = valueIn(await call(server.apiUrl, 'GET', `/${block.cid}`, { key }))
      expect(new Set(nft.parts).size).toBe(nft.parts.length)
      expect(nft.pin.status).toBe('pinned')
    })

    it('an upload and deletes of it end in one state or the other', async () => {
      const bytes = fresh()
      const { cid } = valueIn(await send(bytes, 'image/png'))
      const answers = await Promise.all(
        Array.from({ length: 16 }, (_, n) =>
          n % 2 ? send(bytes, 'image/png') : call(server.apiUrl, 'DELETE', `/${cid}`, { key }),
        ),
      )
      for (const { status } of answers) expect([200, 202, 404]).toContain(status)
      expect([200, 404]).toContain((await call(server.apiUrl, 'GET', `/${cid}`, { key })).status)
      valueIn(await send(bytes, 'image/png'))
      expect((await call(server.apiUrl, 'GET', `/${cid}`, { key })).status).toBe(200)
    })
  })

  describe('as HTTP that is none', () => {
    const lines = (...text: string[]) => `${text.join('\r\n')}\r\n\r\n`
    it.each<[string, string, RegExp]>([
      ['garbage', lines('GARBAGE'), /^HTTP\/1\.1 400 /],
      ['a TLS greeting', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n', /^HTTP\/1\.1 400 /],
      ['headers of 100 KiB', lines('GET /api/version HTTP/1.1', 'Host: x', `X-Big: ${'x'.repeat(100_000)}`), /^HTTP\/1\.1 431 /],
      ['a URL of 100 KiB', lines(`GET /api/${'x'.repeat(100_000)} HTTP/1.1`, 'Host: x'), /^HTTP\/1\.1 (414|431) /],
      [
        'two lengths',
        lines('POST /api/upload HTTP/1.1', 'Host: x', 'Content-Length: 1', 'Content-Length: 2'),
        /^HTTP\/1\.1 400 /,
      ],
      [
        'a length and chunks',
        lines('POST /api/upload HTTP/1.1', 'Host: x', 'Content-Length: 1', 'Transfer-Encoding: chunked'),
        /^HTTP\/1\.1 400 /,
      ],
      ['a length that is no number', lines('POST /api/upload HTTP/1.1', 'Host: x', 'Content-Length: many'), /^HTTP\/1\.1 400 /],
      ['a header without a colon', lines('GET /api/version HTTP/1.1', 'Host: x', 'nonsense'), /^HTTP\/1\.1 400 /],
      ['no host', lines('GET /api/version HTTP/1.1'), /^HTTP\/1\.1 400 /],
      [
        'chunks that are none',
        `${lines('POST /api/upload HTTP/1.1', 'Host: x', 'Transfer-Encoding: chunked')}zz\r\nhello`,
        /^HTTP\/1\.1 40[01] /,
      ],
    ])('%s gets an answer', async (_name, text, expected) => {
      expect(await exchange(server.url, text)).toMatch(expected)
    })

    it.each([
      ['garbage', lines('GARBAGE')],
      ['headers of 100 KiB', lines('GET /api/version HTTP/1.1', 'Host: x', `X-Big: ${'x'.repeat(100_000)}`)],
    ])('%s is answered in the envelope of all failures', async (_name, text) => {
      const [head = '', body = ''] = (await exchange(server.url, text)).split('\r\n\r\n')
      expect(head).toMatch(/content-type: application\/json;charset=UTF-8/i)
      expect(JSON.parse(body)).toEqual({ ok: false, error: { code: expect.any(String), message: expect.any(String) } })
    })

    it('chunks that break off in an upload leave nothing', async () => {
      const head = ['POST /api/upload HTTP/1.1', 'Host: x', `Authorization: ${authorization}`, 'Transfer-Encoding: chunked']
      const before = await list()
      expect(await exchange(server.url, `${lines(...head)}5\r\nhello\r\nzz\r\n`)).not.toContain('200 OK')
      expect(await list()).toEqual(before)
    })

    it.each([3_000, 20_000])('a CID of %i characters is refused', async (length) => {
      const answer = await rawCall(server.url, { method: 'GET', path: `/api/${'b'.repeat(length)}`, headers: { authorization } })
      expect([400, 404, 414]).toContain(answer.status)
    })

    it.each([
      '/api/%',
      '/api/%zz',
      '/api/check/%c3%28',
      '/api//',
      '/api/../../etc/passwd',
      '//',
      '/%2e%2e/%2e%2e/etc/passwd',
      '/api/check/%00',
      '/ipfs/%zz',
      '/api/?limit=%zz',
      '/api?%',
      'http://evil.example/api/version',
      '*',
    ])('the target %s gets an answer that is no fault of the server', async (path) => {
      const answer = await rawCall(server.url, { method: 'GET', path, headers: { authorization } })
      expect(answer.status).toBeLessThan(500)
      expect(answer.text).not.toContain('root:')
    })

    it.each([
      ['Content-Encoding: gzip', { 'content-encoding': 'gzip' }],
      ['a range', { range: 'bytes=0-1' }],
      ['an unknown expectation', { expect: 'the-unexpected' }],
      ['an upgrade', { connection: 'upgrade', upgrade: 'websocket' }],
      ['a foreign host', { host: 'evil.example' }],
      ['an empty host', { host: '' }],
      ['1,000 headers', Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`x-${n}`, 'y']))],
    ])('an upload with %s is stored whole or refused', async (_name, headers) => {
      const bytes = fresh(100)
      const answer = await rawCall(
        server.url,
        begin('image/png', { 'content-length': '100', ...(headers as Record<string, string>) }),
        bytes,
      )
      if (answer.status === 200) expect(valueIn(answer)).toMatchObject({ size: 100, cid: String((await raw(bytes)).cid) })
      else expect(answer.status).toBeLessThan(500)
    })
  })

  it('leaves what was acknowledged readable to the end', async () => {
    const bytes = fresh(10_000)
    const nft = valueIn(await send(bytes, 'image/png'))
    valueIn(await call(server.apiUrl, 'POST', '/upload', { key, body: form([['file', bytes, 'x']]) }))
    expect(Buffer.compare(Buffer.from(await (await fetch(`${server.url}/ipfs/${nft.cid}`)).arrayBuffer()), bytes)).toBe(0)
    for (const cid of (await list()).slice(0, 50)) expect((await call(server.apiUrl, 'GET', `/check/${cid}`)).status).toBe(200)
  })
})
