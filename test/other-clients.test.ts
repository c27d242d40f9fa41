import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { withHTTP } from '@helia/http'
import { createVerifiedFetchWithHelia, type VerifiedFetch } from '@helia/verified-fetch'
import { CarReader } from '@ipld/car'
import { createHeliaLight } from 'helia'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { call, form, fresh, type Nft, shared, valueIn } from './setup/api.ts'
import { concat } from './setup/cars.ts'

const { url, apiUrl, key } = shared()
const run = promisify(execFile)
const ipfsCar = join(import.meta.dirname, '../node_modules/ipfs-car/bin.js')

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'keepsake-clients-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const curl = async (...args: string[]) => (await run('curl', ['--silent', '--show-error', ...args], { cwd: folder })).stdout
const curlJson = async <T = Nft>(...args: string[]) => (JSON.parse(await curl(...args)) as { value: T }).value

/** Files below a folder by their path. */
async function readTree(path: string): Promise<Record<string, string>> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  return Object.fromEntries(
    await Promise.all(files.map(async (file) => [file.slice(path.length + 1), (await readFile(file)).toString('hex')])),
  )
}

const tree = () => ({
  'metadata.json': fresh(200),
  'images/one.png': fresh(300_000),
  'images/two.png': fresh(10),
  'images/deep/empty.bin': new Uint8Array(0),
})

async function writeTree(path: string, files: Record<string, Uint8Array>): Promise<void> {
  for (const [name, bytes] of Object.entries(files)) {
    await mkdir(dirname(join(path, name)), { recursive: true })
    await writeFile(join(path, name), bytes)
  }
}

describe('ipfs-car', () => {
  it('packs a folder for the server and unpacks it again from what the gateway gives', async () => {
    const source = join(folder, 'collection')
    await writeTree(source, tree())
    const { stdout: packed } = await run(process.execPath, [
      ipfsCar,
      'pack',
      source,
      '--no-wrap',
      '--output',
      join(folder, 'up.car'),
    ])
    const stored = await curlJson(
      '-H',
      `Authorization: Bearer ${key}`,
      '-H',
      'Content-Type: application/vnd.ipld.car',
      '--data-binary',
      '@up.car',
      `${apiUrl}/upload`,
    )
    expect(stored.cid).toBe(packed.trim())
    expect(stored.pin.status).toBe('pinned')
    await curl('-o', 'down.car', `${url}/ipfs/${stored.cid}?format=car`)
    const { stdout: roots } = await run(process.execPath, [ipfsCar, 'roots', join(folder, 'down.car')])
    expect(roots.trim()).toBe(stored.cid)
    await run(process.execPath, [ipfsCar, 'unpack', join(folder, 'down.car'), '--output', join(folder, 'unpacked')])
    expect(await readTree(join(folder, 'unpacked'))).toEqual(await readTree(source))
  })

  it('finds every block of a multipart upload in its CAR', async () => {
    const body = form([
      ['file', fresh(600_000), 'a.bin'],
      ['file', fresh(5), 'sub/b.bin'],
    ])
    const { cid } = valueIn(await call(apiUrl, 'POST', '/upload', { key, body }))
    await curl('-o', 'form.car', `${url}/ipfs/${cid}?format=car`)
    const { stdout } = await run(process.execPath, [ipfsCar, 'blocks', join(folder, 'form.car')])
    // Two directories, one file of one block, and one of three blocks below a node.
    expect(new Set(stdout.trim().split('\n')).size).toBe(2 + 1 + 4)
  })
})

describe('verified-fetch', () => {
  let verifiedFetch: VerifiedFetch
  const asked: string[] = []
  const big = concat([fresh(1024), new Uint8Array(3_000_000), fresh(1024)])
  let root: string
  beforeAll(async () => {
    const body = form([
      ['file', big, 'big.bin'],
      ['file', fresh(10), 'sub/hello.txt'],
    ])
    root = valueIn(await call(apiUrl, 'POST', '/upload', { key, body })).cid
    const realFetch = globalThis.fetch
    vi.spyOn(globalThis, 'fetch').mockImplementation((input, init) => {
      const target = input instanceof Request ? input.url : String(input)
      asked.push(target)
      if (!target.startsWith(url)) throw new Error(`A request left this machine: ${target}`)
      return realFetch(input, init)
    })
    // Nothing but HTTP and this one gateway: neither libp2p nor any public service is part of it.
    const options = { delegatedRouters: [], recursiveGateways: [url], allowInsecure: true, allowLocal: true }
    const helia = withHTTP(createHeliaLight(), options)
    // Helia waits for ever where there is no router to be asked before the gateways.
    helia.addRouter({ name: 'nobody', async *findProviders() {} })
    verifiedFetch = await createVerifiedFetchWithHelia(await helia.start())
  })
  afterAll(async () => {
    await verifiedFetch?.stop()
    vi.restoreAllMocks()
    expect(asked.length).toBeGreaterThan(0)
    for (const target of asked) expect(target.startsWith(url)).toBe(true)
  })

  it('reads a file in a directory, verified block by block', async () => {
    const response = await verifiedFetch(`ipfs://${root}/big.bin`)
    expect(response.status).toBe(200)
    expect(Buffer.compare(new Uint8Array(await response.arrayBuffer()), big)).toBe(0)
  })

  it('reads a range of a file', async () => {
    const response = await verifiedFetch(`ipfs://${root}/big.bin`, { headers: { range: 'bytes=1000-1100' } })
    expect(response.status).toBe(206)
    expect(Buffer.compare(new Uint8Array(await response.arrayBuffer()), big.subarray(1000, 1101))).toBe(0)
  })

  it('reads a file below a sub-directory', async () => {
    expect((await (await verifiedFetch(`ipfs://${root}/sub/hello.txt`)).arrayBuffer()).byteLength).toBe(10)
  })

  it('reads a directory as a CAR that holds all of it', async () => {
    const response = await verifiedFetch(`ipfs://${root}`, { headers: { accept: 'application/vnd.ipld.car' } })
    expect(response.status).toBe(200)
    const reader = await CarReader.fromBytes(new Uint8Array(await response.arrayBuffer()))
    expect((await reader.getRoots()).map(String)).toEqual([root])
    let blocks = 0
    for await (const _ of reader.blocks()) blocks++
    expect(blocks).toBe(2 + 1 + 1 + Math.ceil(big.length / 262_144))
  })

  it('reads a token through its dag-cbor root', async () => {
    const image = fresh(100)
    const body = form([
      ['meta', JSON.stringify({ name: 'n' })],
      ['image', image, 'i.png', 'image/png'],
    ])
    const { ipnft } = valueIn<{ ipnft: string }>(await call(apiUrl, 'POST', '/store', { key, body }))
    const response = await verifiedFetch(`ipfs://${ipnft}/metadata.json`)
    expect(await response.json()).toMatchObject({ name: 'n', image: expect.stringMatching(/^ipfs:\/\/.*\/i\.png$/) })
  })
})

describe('curl', () => {
  it('stores a file and fetches it back', async () => {
    const bytes = fresh(300_000)
    await writeFile(join(folder, 'art.png'), bytes)
    const stored = await curlJson('-H', `Authorization: Bearer ${key}`, '--data-binary', '@art.png', `${apiUrl}/upload`)
    // curl says so of any --data-binary without a type.
    expect(stored.type).toBe('application/x-www-form-urlencoded')
    await curl('-L', '-o', 'back.png', `${url}/ipfs/${stored.cid}`)
    expect(Buffer.compare(await readFile(join(folder, 'back.png')), bytes)).toBe(0)
  })

  it('streams a file of unknown length with -T', async () => {
    const bytes = fresh(100_000)
    await writeFile(join(folder, 'streamed.bin'), bytes)
    const stored = await curlJson(
      '-X',
      'POST',
      '-H',
      `Authorization: Bearer ${key}`,
      '-H',
      'Transfer-Encoding: chunked',
      '-H',
      'Content-Type: image/png',
      '-T',
      'streamed.bin',
      `${apiUrl}/upload`,
    )
    expect(stored).toMatchObject({ type: 'image/png', size: 100_000, pin: { status: 'pinned' } })
  })

  it('stores several files as one directory with -F', async () => {
    const files = { 'x.txt': fresh(10), 'y.txt': fresh(20) }
    await writeTree(join(folder, 'form'), files)
    const stored = await curlJson(
      '-H',
      `Authorization: Bearer ${key}`,
      '-F',
      'file=@form/x.txt',
      '-F',
      'file=@form/y.txt',
      `${apiUrl}/upload`,
    )
    expect(stored).toMatchObject({
      type: 'directory',
      files: [
        { name: 'x.txt', type: 'text/plain' },
        { name: 'y.txt', type: 'text/plain' },
      ],
    })
    await curl('-o', 'y.back', `${url}/ipfs/${stored.cid}/y.txt`)
    expect(Buffer.compare(await readFile(join(folder, 'y.back')), files['y.txt'])).toBe(0)
  })

  it('waits for leave with Expect: 100-continue, and is told no before it sends anything', async () => {
    await writeFile(join(folder, 'large.bin'), fresh(3_000_000))
    const args = ['-H', 'Expect: 100-continue', '--data-binary', '@large.bin', `${apiUrl}/upload`]
    expect((await curlJson('-H', `Authorization: Bearer ${key}`, ...args)).pin.status).toBe('pinned')
    expect(
      await curl('-o', 'refused.json', '-w', '%{http_code} %{size_upload}', '-H', 'Authorization: Bearer wrong', ...args),
    ).toBe('401 0')
  })
})
