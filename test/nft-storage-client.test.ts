import { createRequire } from 'node:module'
import { CarReader } from '@ipld/car'
import { beforeEach, describe, expect, it } from 'vitest'
import { call, eventually, fresh, shared, upload, valueIn } from './setup/api.ts'
import { car, cbor, concat, directory, raw } from './setup/cars.ts'
import { rawCall } from './setup/raw-request.ts'

interface Status {
  cid: string
  deals: unknown[]
  size: number
  pin: { cid: string; status: string; created: Date; size: number }
  created: Date
}

interface EncodedCar {
  cid: { toString(): string }
  car: { blocks(): AsyncIterable<{ cid: unknown; bytes: Uint8Array }> }
}

interface StoreOptions {
  maxChunkSize?: number
  maxRetries?: number
  onStoredChunk?: (size: number) => void
  signal?: AbortSignal
}

interface Client {
  storeBlob(blob: Blob, options?: StoreOptions): Promise<string>
  storeDirectory(files: Iterable<File>): Promise<string>
  store(token: Record<string, unknown>): Promise<{ ipnft: string; url: string; data: Record<string, unknown>; embed(): unknown }>
  storeCar(car: unknown, options?: StoreOptions): Promise<string>
  status(cid: string): Promise<Status>
  check(cid: string): Promise<{ cid: string; pin: { status: string; size: number }; deals: unknown[] }>
  delete(cid: string): Promise<void>
}

/** The published client, unchanged. Its own types are of the time before `exports`, hence this view of it. */
const published = createRequire(import.meta.url)('nft.storage') as {
  NFTStorage: (new (options: {
    token: string
    endpoint: URL
  }) => Client) & {
    encodeBlob(blob: Blob): Promise<EncodedCar>
    encodeDirectory(files: Iterable<File>): Promise<EncodedCar>
    encodeNFT(input: Record<string, unknown>): Promise<EncodedCar>
  }
  File: typeof globalThis.File
  Blob: typeof globalThis.Blob
}
const { NFTStorage, File, Blob } = published

const { url, apiUrl, key } = shared()
const clientWith = (token: string) => new NFTStorage({ token, endpoint: new URL(`${apiUrl}/`) })
let client: Client
// A new one for each test: each holds itself to 30 requests in 10 seconds.
beforeEach(() => {
  client = clientWith(key)
})

async function fetchBytes(path: string): Promise<Uint8Array> {
  const response = await fetch(`${url}/ipfs/${path}`)
  expect(response.status, path).toBe(200)
  return new Uint8Array(await response.arrayBuffer())
}

async function expectContent(path: string, bytes: Uint8Array): Promise<void> {
  expect(Buffer.compare(await fetchBytes(path), bytes), `${path} comes back as it was stored`).toBe(0)
}

const statusOf = async (cid: string) => valueIn(await call(apiUrl, 'GET', `/${cid}`, { key }))

describe('storeBlob', () => {
  it.each([
    ['a small file', 20],
    ['a file of exactly one block', 262_144],
    ['a file of one block and a byte', 262_145],
    ['a file of two levels', 46 * 1024 * 1024],
  ])('stores %s, and it comes back under the CID the client computed', async (_name, length) => {
    const bytes = length > 1024 * 1024 ? concat([fresh(1024), new Uint8Array(length - 1024)]) : fresh(length)
    const cid = await client.storeBlob(new Blob([bytes]))
    expect(await statusOf(cid)).toMatchObject({ cid, type: 'application/car', files: [], pin: { cid, status: 'pinned' } })
    await expectContent(cid, bytes)
  })

  it('gives the same CID as a plain POST of the same bytes', async () => {
    const bytes = fresh(300_000)
    const plain = valueIn(await upload(apiUrl, key, bytes, 'image/png'))
    expect(await client.storeBlob(new Blob([bytes]))).toBe(plain.cid)
  })

  it('refuses an empty file before it sends anything', async () => {
    await expect(client.storeBlob(new Blob([]))).rejects.toThrow('Content size is 0')
  })
})

describe('storeDirectory', () => {
  it('stores files, also below each other', async () => {
    const files = {
      'a.txt': fresh(10),
      'sub/b.bin': fresh(300_000),
      'sub/deeper/c.txt': fresh(1),
      'mit Umlaut ä 🙂.txt': fresh(5),
    }
    const cid = await client.storeDirectory(Object.entries(files).map(([name, bytes]) => new File([bytes], name)))
    expect(await statusOf(cid)).toMatchObject({ cid, pin: { status: 'pinned' } })
    for (const [name, bytes] of Object.entries(files))
      await expectContent(`${cid}/${name.split('/').map(encodeURIComponent).join('/')}`, bytes)
  })

  it('stores 1,100 files, which make a sharded directory', async () => {
    const mark = fresh(8)
    const files = Array.from({ length: 1100 }, (_, n) => ({
      name: `${n}.json`,
      bytes: concat([mark, new TextEncoder().encode(`{"n":${n}}`)]),
    }))
    const cid = await client.storeDirectory(files.map(({ name, bytes }) => new File([bytes], name)))
    expect((await statusOf(cid)).pin.status).toBe('pinned')
    for (const n of [0, 1, 499, 1099]) await expectContent(`${cid}/${n}.json`, files[n]!.bytes)
    expect((await fetch(`${url}/ipfs/${cid}/1100.json`)).status).toBe(404)
  })
})

describe('store', () => {
  it('stores a token whose metadata and files are reachable below its root', async () => {
    const image = fresh(5000)
    const token = await client.store({
      name: 'One',
      description: 'The first',
      image: new File([image], 'one.png', { type: 'image/png' }),
    })
    expect(token.url).toBe(`ipfs://${token.ipnft}/metadata.json`)
    expect(await statusOf(token.ipnft)).toMatchObject({ cid: token.ipnft, pin: { status: 'pinned' } })
    const metadata = JSON.parse(Buffer.from(await fetchBytes(`${token.ipnft}/metadata.json`)).toString()) as Record<
      string,
      unknown
    >
    expect(metadata).toMatchObject({ name: 'One', description: 'The first' })
    expect(metadata.image).toMatch(/^ipfs:\/\/.+\/one\.png$/)
    await expectContent(`${token.ipnft}/image/one.png`, image)
    await expectContent(String(metadata.image).replace('ipfs://', ''), image)
  })

  it('stores files in nested properties', async () => {
    const [image, video, page] = [fresh(50), fresh(300_000), fresh(7)] as const
    const token = await client.store({
      name: 'Two',
      description: 'Nested',
      image: new File([image], 'i.png', { type: 'image/png' }),
      properties: {
        type: 'art',
        media: [new File([video], 'v.mp4', { type: 'video/mp4' }), { page: new File([page], 'p.html', { type: 'text/html' }) }],
      },
    })
    await expectContent(`${token.ipnft}/properties/media/0/v.mp4`, video)
    await expectContent(`${token.ipnft}/properties/media/1/page/p.html`, page)
  })

  it('gives the same root as POST /store for the same token', async () => {
    const image = fresh(100)
    const meta = { name: 'Three', description: 'Same', properties: { n: 1 } }
    const data = new FormData()
    data.append('meta', JSON.stringify(meta))
    data.append('image', new globalThis.File([image], 'i.png', { type: 'image/png' }))
    const stored = valueIn<{ ipnft: string }>(await call(apiUrl, 'POST', '/store', { key, body: data }))
    const token = await client.store({ ...meta, image: new File([image], 'i.png', { type: 'image/png' }) })
    expect(token.ipnft).toBe(stored.ipnft)
  })
})

async function encodedFolder(
  files: number,
): Promise<{ root: string; bytes: Uint8Array<ArrayBuffer>; contents: Map<string, Uint8Array> }> {
  const contents = new Map(Array.from({ length: files }, (_, n) => [`${n}.bin`, fresh(40_000)]))
  const { cid, car: packed } = await NFTStorage.encodeDirectory(
    [...contents].map(([name, bytes]) => new File([bytes as Uint8Array<ArrayBuffer>], name)),
  )
  const blocks: { cid: never; bytes: Uint8Array }[] = []
  for await (const block of packed.blocks()) blocks.push(block as never)
  return { root: String(cid), bytes: car([cid as never], blocks), contents }
}

describe('storeCar', () => {
  it('stores a CAR given as a Blob', async () => {
    const { root, bytes, contents } = await encodedFolder(3)
    expect(await client.storeCar(new Blob([bytes]))).toBe(root)
    for (const [name, content] of contents) await expectContent(`${root}/${name}`, content)
  })

  it('stores a CAR given as a CarReader', async () => {
    const { root, bytes } = await encodedFolder(2)
    expect(await client.storeCar(await CarReader.fromBytes(bytes))).toBe(root)
    expect((await statusOf(root)).pin.status).toBe('pinned')
  })

  it('stores a CAR in many chunks, three at a time, and the pin stands at the end', async () => {
    const { root, bytes, contents } = await encodedFolder(20)
    const sizes: number[] = []
    const cid = await client.storeCar(new Blob([bytes]), { maxChunkSize: 100_000, onStoredChunk: (size) => sizes.push(size) })
    expect(cid).toBe(root)
    expect(sizes.length).toBeGreaterThan(5)
    const nft = await eventually(async () => {
      const now = await statusOf(root)
      return now.pin.status === 'pinned' ? now : undefined
    })
    expect(nft.parts).toHaveLength(sizes.length)
    for (const [name, content] of contents) await expectContent(`${root}/${name}`, content)
  })

  it('stores a CAR whose root is dag-cbor', async () => {
    const leaf = await raw(fresh())
    const root = await cbor({ name: 'x', leaf: leaf.cid })
    expect(await client.storeCar(new Blob([car([root.cid], [root, leaf])]))).toBe(String(root.cid))
    expect((await client.status(String(root.cid))).pin.status).toBe('pinned')
  })

  it('hears why a CAR is refused', async () => {
    const leaf = await raw(fresh())
    const root = await directory([{ name: 'a', cid: leaf.cid, sizeBytes: 32 }])
    const bad = { cid: leaf.cid, bytes: fresh() }
    await expect(client.storeCar(new Blob([car([root.cid], [root, bad])]), { maxRetries: 0 })).rejects.toThrow(
      'failed hash verification',
    )
  })
})

describe('status, check and delete', () => {
  it('say what became of an upload', async () => {
    const bytes = fresh(100)
    const cid = await client.storeBlob(new Blob([bytes]))
    const status = await client.status(cid)
    expect(status).toMatchObject({ cid, size: 100, deals: [], pin: { cid, status: 'pinned', size: 100 } })
    for (const date of [status.created, status.pin.created]) expect(Math.abs(date.getTime() - Date.now())).toBeLessThan(60_000)
    expect(await client.check(cid)).toMatchObject({ cid, pin: { status: 'pinned', size: 100 }, deals: [] })
    expect(await clientWith('no key is needed to check').check(cid)).toMatchObject({ cid })
  })

  it('forget a deleted upload, while its content stays known', async () => {
    const cid = await client.storeBlob(new Blob([fresh()]))
    await client.delete(cid)
    await expect(client.status(cid)).rejects.toThrow('NFT not found')
    await expect(client.delete(cid)).rejects.toThrow('NFT not found')
    expect((await client.check(cid)).pin.status).toBe('pinned')
  })

  it('say that a CID is unknown or none', async () => {
    const { cid } = await raw(fresh())
    await expect(client.status(String(cid))).rejects.toThrow('NFT not found')
    await expect(client.check(String(cid))).rejects.toThrow('NFT not found')
    await expect(client.status('bafynonsense')).rejects.toThrow('Invalid CID: bafynonsense')
    await expect(client.check('bafynonsense')).rejects.toThrow('Invalid CID: bafynonsense')
  })
})

describe('with a wrong key', () => {
  it('an upload is refused at once instead of being tried again for half a minute', async () => {
    const startedAt = Date.now()
    await expect(clientWith('wrong').storeBlob(new Blob([fresh()]))).rejects.toThrow('API Key is malformed or failed to parse.')
    expect(Date.now() - startedAt).toBeLessThan(5_000)
  })

  it('nothing can be read or deleted', async () => {
    const cid = await client.storeBlob(new Blob([fresh()]))
    await expect(clientWith('wrong').status(cid)).rejects.toThrow('API Key is malformed or failed to parse.')
    await expect(clientWith('wrong').delete(cid)).rejects.toThrow('API Key is malformed or failed to parse.')
    expect((await client.status(cid)).cid).toBe(cid)
  })
})

describe('the list', () => {
  it('shows what the client stored, newest first', async () => {
    const first = await client.storeBlob(new Blob([fresh()]))
    const second = await client.storeBlob(new Blob([fresh()]))
    const list = valueIn<{ cid: string }[]>(await call(apiUrl, 'GET', '/?limit=1000', { key })).map(({ cid }) => cid)
    expect(list).toContain(first)
    expect(list.indexOf(second)).toBeLessThan(list.indexOf(first))
  })
})

describe('clients that know no path before theirs', () => {
  const host = `api.localhost:${new URL(url).port}`
  const headers = { host, authorization: `Bearer ${key}` }

  it('find every call at the root of a host called api.*', async () => {
    const bytes = fresh()
    const stored = valueIn(await rawCall(url, { path: '/upload', headers: { ...headers, 'content-type': 'image/png' } }, bytes))
    expect(stored.type).toBe('image/png')
    expect(valueIn(await rawCall(url, { method: 'GET', path: `/${stored.cid}`, headers })).cid).toBe(stored.cid)
    expect(valueIn(await rawCall(url, { method: 'GET', path: `/check/${stored.cid}`, headers: { host } })).cid).toBe(stored.cid)
    expect(valueIn<unknown[]>(await rawCall(url, { method: 'GET', path: '/?limit=1', headers }))).toHaveLength(1)
    expect((await rawCall(url, { method: 'GET', path: '/version', headers: { host } })).status).toBe(200)
    expect((await rawCall(url, { method: 'DELETE', path: `/${stored.cid}`, headers })).status).toBe(202)
  })

  it('find the calls below /api there, too', async () => {
    const stored = valueIn(await rawCall(url, { path: '/api/upload', headers }, fresh()))
    expect(valueIn(await rawCall(url, { method: 'GET', path: `/api/${stored.cid}`, headers })).cid).toBe(stored.cid)
  })
})
