import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as dagPb from '@ipld/dag-pb'
import type { Block } from '@keepsake/content/block.ts'
import { decodeCar } from '@keepsake/content/car/decode.ts'
import { encodeCarHeader, encodeSectionPrefix } from '@keepsake/content/car/encode.ts'
import { dagPbCid, rawCid } from '@keepsake/content/hash/cid.ts'
import { packFile } from '@keepsake/content/unixfs/file.ts'
import { UnixFS } from 'ipfs-unixfs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { serve } from './setup/http.ts'
import type { World } from './setup/world.ts'
import { createWorld, readTree } from './setup/world.ts'

let world: World
let cwd: string

beforeAll(async () => {
  world = await createWorld()
  cwd = await world.directory()
})

afterAll(() => world?.end())

async function rawBlock(bytes: Uint8Array): Promise<Block> {
  return { cid: await rawCid(bytes), bytes }
}

/** A directory whose names nobody checked. */
async function directoryOf(entries: [name: string, block: Block][]): Promise<Block> {
  const links = entries.map(([Name, { cid, bytes }]) => ({ Name, Hash: cid, Tsize: bytes.length }))
  const bytes = dagPb.encode({ Data: new UnixFS({ type: 'directory' }).marshal(), Links: links })
  return { cid: await dagPbCid(bytes), bytes }
}

function carOf(root: Block, blocks: readonly Block[]): Buffer {
  return Buffer.concat([
    encodeCarHeader([root.cid]),
    ...blocks.flatMap(({ cid, bytes }) => [encodeSectionPrefix(cid, bytes.length), bytes]),
  ])
}

async function packed(bytes: Uint8Array): Promise<Block[]> {
  const blocks: Block[] = []
  for await (const block of packFile(
    (async function* () {
      yield bytes
    })(),
  ))
    blocks.push(block)
  // Children come first from the packer, and last from a gateway.
  return [blocks.at(-1) as Block, ...blocks.slice(0, -1)]
}

/** A gateway that answers every CAR with these bytes, and knows these blocks. */
function gateway(
  car: Uint8Array,
  blocks: readonly Block[] = [],
  contentType = 'application/vnd.ipld.car; version=1; order=dfs; dups=y',
) {
  return serve((request, response) => {
    if (!request.url?.includes('format=raw')) return response.writeHead(200, { 'content-type': contentType }).end(car)
    const block = blocks.find(({ cid }) => request.url?.startsWith(`/ipfs/${cid}?`))
    return block ? response.end(block.bytes) : response.writeHead(404).end('not here')
  })
}

const get = (endpoint: string, args: string[]) => world.run(['get', ...args], { cwd, env: { KEEPSAKE_ENDPOINT: endpoint } })

/** What a command left in the directory, drafts included. */
const leftIn = (directory: string) => readdir(directory)

test('refuses a block that is not what its CID says, and leaves nothing behind', async () => {
  const blocks = await packed(randomBytes(1_000_000))
  const damaged = blocks.map(({ cid, bytes }, at) => ({
    cid,
    bytes: at === 3 ? Buffer.from(bytes).fill(0, 10, 11).fill(1, 11, 12) : bytes,
  }))
  await using server = await gateway(carOf(blocks[0]!, damaged))
  const before = await leftIn(cwd)
  const { code, stdout, stderr } = await get(server.endpoint, [String(blocks[0]!.cid)])
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr).toMatch(/^keepsake: The gateway sent wrong bytes, nothing of it was kept: .*CID hash does not match bytes\n$/)
  expect(await leftIn(cwd)).toEqual(before)
})

test('refuses a wrong block that is fetched by itself', async () => {
  const blocks = await packed(randomBytes(600_000))
  await using server = await gateway(carOf(blocks[0]!, blocks.slice(0, 2)), [{ cid: blocks[2]!.cid, bytes: randomBytes(100) }])
  const { code, stderr } = await get(server.endpoint, [String(blocks[0]!.cid), '-o', 'never'])
  expect(code).toBe(1)
  expect(stderr).toContain('The gateway sent wrong bytes')
  expect(await leftIn(cwd)).not.toContain('never')
})

test.each(['../evil', '..', 'a/b', '.', ''])('refuses a directory with the name %j', async (name) => {
  const file = await rawBlock(Buffer.from('evil'))
  const root = await directoryOf([[name, file]])
  await using server = await gateway(carOf(root, [root, file]))
  const before = await leftIn(cwd)
  const { code, stderr } = await get(server.endpoint, [String(root.cid), '-o', 'target'])
  expect(code).toBe(1)
  expect(stderr).toContain('cannot be the name of a file or directory')
  expect(await leftIn(cwd)).toEqual(before)
})

test('refuses a directory that has a name twice', async () => {
  const [one, two] = [await rawBlock(Buffer.from('1')), await rawBlock(Buffer.from('2'))]
  const root = await directoryOf([
    ['same', one],
    ['same', two],
  ])
  await using server = await gateway(carOf(root, [root, one, two]))
  const { code, stderr } = await get(server.endpoint, [String(root.cid), '-o', 'target'])
  expect(code).toBe(1)
  expect(stderr).toContain('two entries that would be same')
})

test('gets the rest block by block when the stream breaks off', async () => {
  const bytes = randomBytes(2_000_000)
  const blocks = await packed(bytes)
  await using server = await gateway(carOf(blocks[0]!, blocks).subarray(0, 700_000), blocks)
  const { code, stderr } = await get(server.endpoint, [String(blocks[0]!.cid), '-o', 'broken-off'])
  expect(code).toBe(0)
  expect(stderr).toContain('The stream broke off; the rest is fetched block by block.')
  expect(await readFile(join(cwd, 'broken-off'))).toEqual(bytes)
  expect(server.requests.filter((request) => request.includes('format=raw')).length).toBeLessThan(8)
})

test('reads a gateway that sends a repeated block once', async () => {
  const bytes = Buffer.concat([Buffer.alloc(262_144, 'a'), randomBytes(262_144), Buffer.alloc(262_144, 'a')])
  const blocks = await packed(bytes)
  const once = blocks.filter(({ cid }, at) => blocks.findIndex((other) => other.cid.equals(cid)) === at)
  expect(once).toHaveLength(blocks.length - 1)
  await using server = await gateway(carOf(once[0]!, once), [], 'application/vnd.ipld.car; version=1; order=dfs; dups=n')
  expect((await get(server.endpoint, [String(once[0]!.cid), '-o', 'repeated'])).code).toBe(0)
  expect(await readFile(join(cwd, 'repeated'))).toEqual(bytes)
})

test('says that a CAR of a lying gateway is not whole', async () => {
  const blocks = await packed(randomBytes(600_000))
  await using server = await gateway(carOf(blocks[0]!, blocks.slice(0, 2)))
  const { code, stderr } = await get(server.endpoint, [String(blocks[0]!.cid), '--car', '-o', 'part.car'])
  expect(code).toBe(1)
  expect(stderr).toContain('2 blocks are missing')
  expect(await leftIn(cwd)).not.toContain('part.car')
})

test('writes nothing over what is there, unless it is told to', async () => {
  await writeFile(join(cwd, 'art.txt'), 'old')
  await writeFile(join(cwd, 'new.txt'), 'new')
  const cid = (await world.run(['store', 'new.txt'], { cwd })).stdout.trim()
  const refused = await world.run(['get', cid, '-o', 'art.txt'], { cwd })
  expect(refused).toMatchObject({ code: 1, stdout: '' })
  expect(refused.stderr).toContain('art.txt exists already')
  expect((await world.run(['get', cid, '-o', 'art.txt', '--force'], { cwd })).code).toBe(0)
  expect(await readFile(join(cwd, 'art.txt'), 'utf8')).toBe('new')
  await mkdir(join(cwd, 'into'))
  await world.run(['get', cid, '-o', 'into'], { cwd })
  expect([...(await readTree(join(cwd, 'into'))).keys()]).toEqual([cid])
  const nowhere = await world.run(['get', cid, '-o', 'no/such/place'], { cwd })
  expect(nowhere.stderr).toContain('there is no such directory')
})

test('replaces a directory whole with --force', async () => {
  await mkdir(join(cwd, 'collection'))
  await writeFile(join(cwd, 'collection/1.json'), '{}')
  const cid = (await world.run(['store', 'collection'], { cwd })).stdout.trim()
  await world.run(['get', cid], { cwd })
  await writeFile(join(cwd, cid, 'of-mine'), 'not of the collection')
  expect((await world.run(['get', cid], { cwd })).code).toBe(1)
  expect((await world.run(['get', cid, '--force'], { cwd })).code).toBe(0)
  expect([...(await readTree(join(cwd, cid))).keys()]).toEqual(['1.json'])
  expect((await leftIn(cwd)).filter((name) => name.includes('.keepsake-'))).toEqual([])
})

test('fetches a CAR with the whole DAG and nothing else', async () => {
  await writeFile(join(cwd, 'big.bin'), randomBytes(1_000_000))
  const cid = (await world.run(['store', 'big.bin'], { cwd })).stdout.trim()
  await world.run(['get', cid, '--car', '-o', 'big.car'], { cwd })
  const car = await decodeCar(
    (async function* () {
      yield await readFile(join(cwd, 'big.car'))
    })(),
  )
  expect(car.roots.map(String)).toEqual([cid])
  let blocks = 0
  for await (const _ of car.blocks) blocks++
  expect(blocks).toBe(5)
})

test('says what is not there, and what is no file', async () => {
  const absent = await world.run(['get', 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy'], { cwd })
  expect(absent).toMatchObject({ code: 1, stdout: '' })
  await mkdir(join(cwd, 'sub/dir'), { recursive: true })
  await writeFile(join(cwd, 'sub/dir/file'), 'x')
  const cid = (await world.run(['store', 'sub'], { cwd })).stdout.trim()
  const noPath = await world.run(['get', `${cid}/dir/other`], { cwd })
  expect(noPath.code).toBe(1)
  expect(noPath.stderr).toContain('other')
  const directory = await world.run(['get', `${cid}/dir`, '-o', '-'], { cwd })
  expect(directory.code).toBe(1)
  expect(directory.stderr).toContain('only a file can be written to standard output')
  expect((await world.run(['get', `ipfs://${cid}/dir/file`, '-o', '-'], { cwd })).stdout).toBe('x')
})

test('leaves nothing behind when it is interrupted', async () => {
  const blocks = await packed(randomBytes(3_000_000))
  const car = carOf(blocks[0]!, blocks)
  const halfway = Promise.withResolvers<void>()
  await using server = await serve((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/vnd.ipld.car; dups=y' })
    response.write(car.subarray(0, 1_000_000), () => setTimeout(halfway.resolve, 500))
  })
  const before = await leftIn(cwd)
  let during: string[] = []
  const { code } = await world.run(['get', String(blocks[0]!.cid), '-o', 'slow'], {
    cwd,
    env: { KEEPSAKE_ENDPOINT: server.endpoint },
    during: async (child) => {
      await halfway.promise
      during = await leftIn(cwd)
      child.kill('SIGINT')
    },
  })
  expect(code).toBe(130)
  expect(during.length).toBe(before.length + 1)
  expect(await leftIn(cwd)).toEqual(before)
})

test('shows a gateway no key', async () => {
  const block = await rawBlock(Buffer.from('free for all'))
  let authorization: string | undefined = 'none came'
  await using server = await serve((request, response) => {
    authorization = request.headers.authorization
    response.writeHead(200, { 'content-type': 'application/vnd.ipld.car; dups=y' }).end(carOf(block, [block]))
  })
  expect((await get(server.endpoint, [String(block.cid), '-o', '-'])).stdout).toBe('free for all')
  expect(authorization).toBeUndefined()
})
