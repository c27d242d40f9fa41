import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import * as dagPb from '@ipld/dag-pb'
import { resolvePath } from '@keepsake/content/dag/resolve.ts'
import { listDirectory } from '@keepsake/content/unixfs/read/directory.ts'
import { UnixFS } from 'ipfs-unixfs'
import { exporter } from 'ipfs-unixfs-exporter'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import { beforeAll, describe, expect, it } from 'vitest'
import { importFiles, MemoryBlocks, sampleBytes } from './fixtures.ts'

const encoder = new TextEncoder()

async function put(blocks: MemoryBlocks, codec: number, bytes: Uint8Array): Promise<CID> {
  return blocks.add(CID.createV1(codec, await sha256.digest(bytes)), bytes)
}

const names = Array.from({ length: 3000 }, (_, i) => (i % 7 === 0 ? `żółw ${i} 🐢.txt` : `${i}.txt`))

for (const kind of ['basic', 'sharded'] as const) {
  describe(`a ${kind} directory`, () => {
    const blocks = new MemoryBlocks()
    let root: CID
    let byPath: Map<string, CID>

    beforeAll(async () => {
      const files = names.map((name) => ({ path: `dir/${name}`, content: encoder.encode(name) }))
      const shardSplitThresholdBytes = kind === 'basic' ? 10_000_000 : 0
      ;({ byPath } = await importFiles(blocks, files, { shardSplitThresholdBytes }))
      root = byPath.get('dir')!
    })

    it('lists every name once with its CID', async () => {
      const listed = new Map<string, string>()
      for await (const { name, cid } of listDirectory(blocks, root)) listed.set(name, cid.toString())
      expect(listed.size).toBe(names.length)
      expect(names.every((name) => listed.get(name) === byPath.get(`dir/${name}`)!.toString())).toBe(true)
    })

    it('finds every name, reading few blocks', async () => {
      for (const name of names) {
        blocks.read.length = 0
        const { cid, roots } = await resolvePath(blocks, root, [name])
        expect(cid.toString()).toBe(byPath.get(`dir/${name}`)!.toString())
        expect(roots.map(String)).toEqual([root.toString(), cid.toString()])
        expect(blocks.read.length).toBeLessThanOrEqual(kind === 'basic' ? 2 : 5)
      }
    })

    it('gives the blocks a verifier needs to follow the path: an exporter that has only those finds the file', async () => {
      for (const name of [names[0]!, names[1]!, names[2999]!]) {
        const { path, cid, bytes } = await resolvePath(blocks, root, [name])
        const few = new MemoryBlocks()
        for (const block of [...path, { cid, bytes }]) few.add(block.cid, block.bytes)
        const store = few.importerStore as unknown as Parameters<typeof exporter>[1]
        expect((await exporter(`${root}/${name}`, store)).cid.toString()).toBe(cid.toString())
      }
    })

    it('says which name is not there', async () => {
      for (const name of ['nothing', '', '..', '0', 'A', '3000.txt', '__proto__']) {
        await expect(resolvePath(blocks, root, [name])).rejects.toMatchObject({
          code: 'PATH_NOT_FOUND',
          message: expect.stringContaining(`"${name}"`),
        })
      }
      await expect(resolvePath(blocks, root, [names[1]!, 'below a file'])).rejects.toMatchObject({ code: 'PATH_NOT_FOUND' })
    })
  })
}

describe('a sharded directory that lies', () => {
  it('refuses a shard of another hash or fanout, and a file in the place of a shard', async () => {
    const blocks = new MemoryBlocks()
    const leaf = await put(blocks, 0x55, sampleBytes(10))
    const shard = (init: object) =>
      new UnixFS({ type: 'hamt-sharded-directory', hashType: 0x22n, fanout: 256n, ...init }).marshal()
    const everySlot = (Hash: CID) =>
      Array.from({ length: 256 }, (_, i) => ({ Name: i.toString(16).toUpperCase().padStart(2, '0'), Tsize: 1, Hash }))
    const nodes = [
      dagPb.encode({ Data: shard({ hashType: 0x12n }), Links: [] }),
      dagPb.encode({ Data: shard({ fanout: 255n }), Links: [] }),
      dagPb.encode({ Data: shard({ fanout: 4n }), Links: [] }),
      dagPb.encode({ Data: shard({}), Links: everySlot(leaf) }),
    ]
    for (const node of nodes) {
      const root = await put(blocks, 0x70, node)
      await expect(resolvePath(blocks, root, ['a'])).rejects.toMatchObject({
        code: expect.stringMatching(/INVALID_BLOCK|UNSUPPORTED_CODEC/),
      })
    }
  })

  it('ends a lookup when the hash has no bits left', async () => {
    const blocks = new MemoryBlocks()
    const Data = new UnixFS({ type: 'hamt-sharded-directory', hashType: 0x22n, fanout: 256n }).marshal()
    let below = await put(blocks, 0x70, dagPb.encode({ Data, Links: [] }))
    for (let level = 0; level < 12; level++) {
      const Links = Array.from({ length: 256 }, (_, i) => ({
        Name: i.toString(16).toUpperCase().padStart(2, '0'),
        Tsize: 1,
        Hash: below,
      }))
      below = await put(blocks, 0x70, dagPb.encode({ Data, Links }))
    }
    blocks.read.length = 0
    await expect(resolvePath(blocks, below, ['a'])).rejects.toMatchObject({ code: 'PATH_NOT_FOUND' })
    // 64 bits are eight levels of 256 slots: the root, and one block a level.
    expect(blocks.read).toHaveLength(9)
  })
})

for (const [codec, code, encode] of [
  ['dag-cbor', 0x71, dagCbor.encode],
  ['dag-json', 0x0129, dagJson.encode],
] as const) {
  describe(`a path through ${codec}`, () => {
    const blocks = new MemoryBlocks()
    let root: CID
    let image: CID
    let cat: CID

    beforeAll(async () => {
      const { byPath } = await importFiles(blocks, [{ path: 'dir/cat.png', content: sampleBytes(100) }])
      image = byPath.get('dir')!
      cat = byPath.get('dir/cat.png')!
      const metadata = await put(blocks, 0x55, encoder.encode('{"name":"cat"}'))
      const value = { type: 'nft', name: 'cat', image, 'metadata.json': metadata, properties: { list: [{ deep: cat }, 7] } }
      root = await put(blocks, code, encode(value))
    })

    it('follows links into UnixFS', async () => {
      const found = await resolvePath(blocks, root, ['image', 'cat.png'])
      expect(found.cid.toString()).toBe(cat.toString())
      expect(found.roots.map(String)).toEqual([root, image, cat].map(String))
      expect(found.path.map(({ cid }) => cid.toString())).toEqual([root, image].map(String))
      expect(new TextDecoder().decode((await resolvePath(blocks, root, ['metadata.json'])).bytes)).toBe('{"name":"cat"}')
    })

    it('follows links that lie deep inside the block', async () => {
      const found = await resolvePath(blocks, root, ['properties', 'list', '0', 'deep'])
      expect(found.cid.toString()).toBe(cat.toString())
      expect(found.roots.map(String)).toEqual([root, cat].map(String))
    })

    it('gives the remainder of a path that ends inside the block', async () => {
      expect((await resolvePath(blocks, root, ['properties', 'list', '1'])).remainder).toEqual(['properties', 'list', '1'])
      expect((await resolvePath(blocks, root, ['name'])).remainder).toEqual(['name'])
    })

    it('says what is not there, and does not find what every object inherits', async () => {
      for (const path of [
        ['nothing'],
        ['properties', 'list', '2'],
        ['properties', 'list', '00'],
        ['constructor'],
        ['__proto__'],
        ['name', 'length'],
      ]) {
        await expect(resolvePath(blocks, root, path), path.join('/')).rejects.toMatchObject({ code: 'PATH_NOT_FOUND' })
      }
    })

    it('refuses a block that does not decode', async () => {
      const broken = await put(blocks, code, new Uint8Array([0xff, 0xff]))
      await expect(resolvePath(blocks, broken, ['a'])).rejects.toMatchObject({ code: 'INVALID_BLOCK' })
    })
  })
}

describe('resolvePath', () => {
  it('refuses a path of 257 segments', async () => {
    const blocks = new MemoryBlocks()
    const root = await put(blocks, 0x55, sampleBytes(1))
    await expect(resolvePath(blocks, root, Array(257).fill('a'))).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' })
    await expect(resolvePath(blocks, root, Array(256).fill('a'))).rejects.toMatchObject({ code: 'PATH_NOT_FOUND' })
  })

  it('says that the root is missing', async () => {
    const cid = CID.parse('bafkreidvbhs33ighmljlvr7zbv2ywwzcmp5adtf4kqvlly67cy56bdtmve')
    await expect(resolvePath(new MemoryBlocks(), cid, [])).rejects.toMatchObject({ code: 'BLOCK_NOT_FOUND' })
  })
})
