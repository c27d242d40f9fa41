import * as dagCbor from '@ipld/dag-cbor'
import { describe, expect, it } from 'vitest'
import { call, expectFailure, form, fresh, shared, valueIn } from '../setup/api.ts'

const { url, apiUrl, key } = shared()

interface Token {
  ipnft: string
  url: string
  data: Record<string, unknown>
}

type Parts = Parameters<typeof form>[0]
const store = (parts: Parts) => call(apiUrl, 'POST', '/store', { key, body: form(parts) })
const gateway = async (path: string) => new Uint8Array(await (await fetch(`${url}/ipfs/${path}`)).arrayBuffer())
const meta = (value: unknown): Parts[number] => ['meta', JSON.stringify(value)]

describe('storing a token', () => {
  it('answers with root, address and the metadata as it will be read', async () => {
    const image = fresh(1000)
    const token = valueIn<Token>(
      await store([meta({ name: 'a', description: 'b', n: 1.5 }), ['image', image, 'cat.png', 'image/png']]),
    )
    expect(token.ipnft).toMatch(/^bafyrei/)
    expect(token.url).toBe(`ipfs://${token.ipnft}/metadata.json`)
    expect(token.data).toEqual({
      name: 'a',
      description: 'b',
      n: 1.5,
      image: expect.stringMatching(/^ipfs:\/\/bafybei\w+\/cat\.png$/),
    })
    expect(JSON.parse(Buffer.from(await gateway(`${token.ipnft}/metadata.json`)).toString())).toEqual(token.data)
    expect(Buffer.compare(await gateway(`${token.ipnft}/image/cat.png`), image)).toBe(0)
    expect(Buffer.compare(await gateway(String(token.data.image).slice(7)), image)).toBe(0)
  })

  it('makes an upload of type nft that is pinned, with the bytes of all its blocks as its size', async () => {
    const image = fresh(1000)
    const token = valueIn<Token>(await store([meta({ name: 'a' }), ['image', image, 'cat.png', 'image/png']]))
    const nft = valueIn(await call(apiUrl, 'GET', `/${token.ipnft}`, { key }))
    const root = await gateway(`${token.ipnft}?format=raw`)
    const folder = await gateway(`${String(token.data.image).split('/')[2]}?format=raw`)
    const size = root.length + folder.length + 1000 + JSON.stringify(token.data).length
    expect(nft).toMatchObject({ cid: token.ipnft, type: 'nft', files: [], size, pin: { status: 'pinned' }, deals: [] })
  })

  it('makes a dag-cbor root of the metadata with links in place of the files', async () => {
    const token = valueIn<Token>(await store([meta({ name: 'a', type: 'mine' }), ['properties', fresh(), 'p.bin']]))
    const root = dagCbor.decode<Record<string, unknown>>(await gateway(`${token.ipnft}?format=raw`))
    expect(Object.keys(root).toSorted()).toEqual(['metadata.json', 'name', 'properties', 'type'])
    expect(root.type).toBe('nft')
    expect(String(root.properties)).toBe(String(token.data.properties).split('/')[2])
  })

  it('puts files at dotted paths, into objects and lists, and over what was there', async () => {
    const [one, two, three] = [fresh(), fresh(), fresh()]
    const token = valueIn<Token>(
      await store([
        meta({ image: 'replaced', properties: { src: [null, 'kept'], deep: { er: {} } } }),
        ['image', one, 'i.png'],
        ['properties.src.0', two, 's.mp4'],
        ['properties.deep.er.x', three, 'x.txt'],
      ]),
    )
    expect(Buffer.compare(await gateway(`${token.ipnft}/image/i.png`), one)).toBe(0)
    expect(Buffer.compare(await gateway(`${token.ipnft}/properties/src/0/s.mp4`), two)).toBe(0)
    expect(Buffer.compare(await gateway(`${token.ipnft}/properties/deep/er/x/x.txt`), three)).toBe(0)
    expect(token.data).toMatchObject({ properties: { src: [expect.stringMatching(/s\.mp4$/), 'kept'] } })
  })

  it.each<[string, Parts]>([
    ['the metadata last', [['image', fresh(), 'i.png'], meta({ name: 'late' })]],
    ['no files at all', [meta({ name: Math.random() })]],
    ['an empty object', [meta({}), ['image', fresh(), 'i']]],
    ['the metadata as a file', [['meta', new TextEncoder().encode('{"name":"file"}'), 'meta.json', 'application/json']]],
    ['a file name with spaces and umlauts', [meta({}), ['image', fresh(), 'ein Bild ä.png']]],
  ])('works with %s', async (_name, parts) => {
    const { ipnft } = valueIn<Token>(await store(parts))
    expect((await fetch(`${url}/ipfs/${ipnft}/metadata.json`)).status).toBe(200)
  })

  it.each<[string, Parts, string, string | RegExp]>([
    ['without metadata', [['image', fresh(), 'i']], 'HTTP_ERROR', 'missing `meta` in multipart'],
    ['without parts', [], 'HTTP_ERROR', 'missing `meta` in multipart'],
    ['with a text in place of a file', [meta({}), ['image', 'not a file']], 'HTTP_ERROR', 'expected File part'],
    [
      'with metadata that is no JSON',
      [
        ['meta', '{nonsense'],
        ['image', fresh(), 'i'],
      ],
      'ERROR_INVALID_JSON',
      /JSON/,
    ],
    ['with metadata that is empty', [['meta', '']], 'ERROR_INVALID_JSON', /JSON/],
    ['with metadata that is a list', [['meta', '[]']], 'ERROR_INVALID_METADATA', /object/],
    ['with metadata that is null', [['meta', 'null']], 'ERROR_INVALID_METADATA', /object/],
    ['with metadata that is a text', [['meta', '"x"']], 'ERROR_INVALID_METADATA', /object/],
    ['with a path into nowhere', [meta({}), ['a.b.c', fresh(), 'i']], /./ as never, /a\.b\.c/],
    ['with a path into a text', [meta({ a: 'text' }), ['a.b', fresh(), 'i']], /./ as never, /a\.b/],
    ['with a path far beyond a list', [meta({ a: [] }), ['a.999999999', fresh(), 'i']], /./ as never, /a\.999999999/],
    ['with a path to a prototype', [meta({}), ['__proto__.x', fresh(), 'i']], /./ as never, /__proto__/],
    ['with a path to a constructor', [meta({}), ['constructor.prototype.x', fresh(), 'i']], /./ as never, /constructor/],
    [
      'with a path through a prototype in the metadata',
      [
        ['meta', '{"__proto__":{}}'],
        ['__proto__.x', fresh(), 'i'],
      ],
      /./ as never,
      /__proto__/,
    ],
  ])('is refused %s', async (_name, parts, code, message) => {
    expectFailure(await store(parts), 400, code, message)
  })

  it.each(['application/json', 'text/plain', 'application/car', 'multipart/mixed; boundary=x'])(
    'is refused as %s',
    async (type) => {
      const answer = await call(apiUrl, 'POST', '/store', { key, body: '{"name":"x"}', headers: { 'content-type': type } })
      expectFailure(answer, 400, 'HTTP_ERROR', 'content-type should be `multipart/form-data`')
    },
  )

  it('is refused without a type', async () => {
    const answer = await call(apiUrl, 'POST', '/store', { key, body: fresh() })
    expectFailure(answer, 400, 'HTTP_ERROR', 'content-type should be `multipart/form-data`')
  })

  it('takes metadata of a megabyte and refuses more', async () => {
    valueIn(await store([meta({ text: 'x'.repeat(1024 * 1024 - 20) })]))
    expectFailure(await store([meta({ text: 'x'.repeat(1024 * 1024) })]), 413, 'PAYLOAD_TOO_LARGE', /1048576/)
  })
})
