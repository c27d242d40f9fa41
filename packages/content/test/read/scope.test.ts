import * as dagCbor from '@ipld/dag-cbor'
import * as dagPb from '@ipld/dag-pb'
import type { Block, BlockSource } from '@keepsake/content/block.ts'
import { resolvePath } from '@keepsake/content/dag/resolve.ts'
import { walk } from '@keepsake/content/dag/walk.ts'
import { type ScopeOptions, scopedBlocks } from '@keepsake/content/unixfs/read/scope.ts'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import { balanced } from 'ipfs-unixfs-importer/layout'
import { CID } from 'multiformats/cid'
import { identity } from 'multiformats/hashes/identity'
import { sha256 } from 'multiformats/hashes/sha2'
import { describe, expect, it } from 'vitest'
import { importFiles, MemoryBlocks, sampleBytes } from './fixtures.ts'

async function put(blocks: MemoryBlocks, codec: number, bytes: Uint8Array): Promise<CID> {
  return blocks.add(CID.createV1(codec, await sha256.digest(bytes)), bytes)
}

/** The plainest walk there is, as the oracle: recursion over decoded links. */
async function depthFirst(blocks: MemoryBlocks, cid: CID): Promise<string[]> {
  const links = cid.code === 0x70 ? dagPb.decode(await blocks.get(cid)).Links.map(({ Hash }) => Hash) : []
  const below: string[] = []
  for (const link of links) below.push(...(await depthFirst(blocks, link)))
  return [cid.toString(), ...below]
}

async function scoped(blocks: BlockSource, root: CID, path: string[], options: ScopeOptions): Promise<string[]> {
  const cids: string[] = []
  for await (const { cid } of scopedBlocks(blocks, await resolvePath(blocks, root, path), options)) cids.push(cid.toString())
  return cids
}

async function sample() {
  const blocks = new MemoryBlocks()
  const file = sampleBytes(26_000)
  const { byPath } = await importFiles(
    blocks,
    [
      { path: 'dir/a.bin', content: file },
      { path: 'dir/b/copy.bin', content: file },
      { path: 'dir/b/small.txt', content: sampleBytes(10) },
    ],
    { chunker: fixedSize({ chunkSize: 1000 }), layout: balanced({ maxChildrenPerNode: 3 }) },
  )
  return { blocks, root: byPath.get('dir')!, at: (path: string) => byPath.get(path)! }
}

describe('scopedBlocks', () => {
  it('yields everything depth first, every time it is met', async () => {
    const { blocks, root } = await sample()
    const expected = await depthFirst(blocks, root)
    expect(await scoped(blocks, root, [], { scope: 'all', duplicates: true })).toEqual(expected)
    expect(expected.length).toBeGreaterThan(80)
  })

  it('yields everything depth first, once', async () => {
    const { blocks, root } = await sample()
    const expected = [...new Set(await depthFirst(blocks, root))]
    expect(await scoped(blocks, root, [], { scope: 'all' })).toEqual(expected)
  })

  it('reads a block that is linked a hundred times once', async () => {
    const blocks = new MemoryBlocks()
    const leaf = await put(blocks, 0x55, sampleBytes(10))
    const root = await put(blocks, 0x71, dagCbor.encode(Array(100).fill(leaf)))
    expect(await scoped(blocks, root, [], { scope: 'all' })).toEqual([root, leaf].map(String))
    expect(blocks.read).toHaveLength(2)
  })

  it('puts the blocks of the path first', async () => {
    const { blocks, root, at } = await sample()
    const expected = [root, at('dir/b')].map(String)
    expect(await scoped(blocks, root, ['b', 'small.txt'], { scope: 'all' })).toEqual([
      ...expected,
      at('dir/b/small.txt').toString(),
    ])
    expect(await scoped(blocks, root, ['b'], { scope: 'block' })).toEqual(expected)
    expect(await scoped(blocks, root, ['b'], { scope: 'entity' })).toEqual(expected)
  })

  it('yields the part of a file that a range needs, and for an empty range its root', async () => {
    const { blocks, root, at } = await sample()
    const all = await depthFirst(blocks, at('dir/a.bin'))
    expect(await scoped(blocks, root, ['a.bin'], { scope: 'entity', duplicates: true })).toEqual([root.toString(), ...all])
    const first = await scoped(blocks, root, ['a.bin'], { scope: 'entity', entityBytes: { from: 0, to: 0 } })
    expect(first).toEqual([root.toString(), ...all.slice(0, 4)])
    const none = await scoped(blocks, root, ['a.bin'], { scope: 'entity', entityBytes: { from: 500, to: -25_900 } })
    expect(none).toEqual([root, at('dir/a.bin')].map(String))
    await expect(
      scoped(blocks, root, ['a.bin'], { scope: 'entity', entityBytes: { from: 26_000, to: undefined } }),
    ).rejects.toMatchObject({
      code: 'INVALID_INPUT',
    })
  })

  it('ignores a range on what is not a file', async () => {
    const { blocks, root } = await sample()
    expect(await scoped(blocks, root, [], { scope: 'entity', entityBytes: { from: 99_999_999, to: undefined } })).toEqual([
      root.toString(),
    ])
  })

  it('yields every shard of a directory and nothing below as its entity', async () => {
    const blocks = new MemoryBlocks()
    const files = Array.from({ length: 600 }, (_, i) => ({ path: `dir/${i}`, content: sampleBytes(5, i + 1) }))
    const { byPath } = await importFiles(blocks, files, { shardSplitThresholdBytes: 0 })
    const root = byPath.get('dir')!
    const leaves = new Set(files.map(({ path }) => byPath.get(path)!.toString()))
    const expected = (await depthFirst(blocks, root)).filter((cid) => !leaves.has(cid))
    expect(await scoped(blocks, root, [], { scope: 'entity' })).toEqual(expected)
    expect(expected.length).toBeGreaterThan(50)
  })

  it('walks through dag-cbor and never yields an identity CID', async () => {
    const blocks = new MemoryBlocks()
    const leaf = await put(blocks, 0x55, sampleBytes(10))
    const inline = CID.createV1(0x71, identity.digest(dagCbor.encode({ leaf })))
    const root = await put(blocks, 0x71, dagCbor.encode({ inline, leaf, nothing: null }))
    for (const duplicates of [true, false]) {
      const expected = duplicates ? [root, leaf, leaf] : [root, leaf]
      expect(await scoped(blocks, root, [], { scope: 'all', duplicates })).toEqual(expected.map(String))
    }
    expect(await scoped(blocks, inline, [], { scope: 'block' })).toEqual([])
    expect(await scoped(blocks, inline, ['leaf'], { scope: 'all' })).toEqual([leaf.toString()])
  })

  it('walks the same bytes once as dag-pb and once as raw', async () => {
    const blocks = new MemoryBlocks()
    const leaf = await put(blocks, 0x55, sampleBytes(10))
    const node = dagPb.encode({ Data: new Uint8Array([8, 1]), Links: [{ Name: 'leaf', Tsize: 10, Hash: leaf }] })
    const asRaw = await put(blocks, 0x55, node)
    const asNode = await put(blocks, 0x70, node)
    const root = await put(blocks, 0x71, dagCbor.encode([asRaw, asNode]))
    expect(await scoped(blocks, root, [], { scope: 'all' })).toEqual([root, asRaw, asNode, leaf].map(String))
  })

  it('says that it cannot walk a codec it does not know', async () => {
    const blocks = new MemoryBlocks()
    const root = await put(blocks, 0x78, sampleBytes(10))
    await expect(scoped(blocks, root, [], { scope: 'all' })).rejects.toMatchObject({ code: 'UNSUPPORTED_CODEC' })
    expect(await scoped(blocks, root, [], { scope: 'block' })).toEqual([root.toString()])
  })
})

describe('walk', () => {
  it('asks for the children of the next node before the children of this one are used up', async () => {
    const { blocks, at } = await sample()
    const asked: string[] = []
    const source: BlockSource = {
      get: (cid, options) => blocks.get(cid, options),
      getMany: (cids, options) => {
        asked.push(cids[0]!.toString())
        return blocks.getMany(cids, options)
      },
    }
    const expand = (bytes: Uint8Array, { cid }: { cid: CID }) => {
      const links = cid.code === 0x70 ? dagPb.decode(bytes).Links : []
      return { value: cid.toString(), children: links.map(({ Hash }) => ({ cid: Hash, info: undefined })) }
    }
    const walking = walk(source, { cid: at('dir/a.bin'), info: undefined }, expand)
    const expected = await depthFirst(blocks, at('dir/a.bin'))
    // Root, first inner node, first innermost node, first leaf.
    for (let i = 0; i < 4; i++) expect((await walking.next()).value).toBe(expected[i])
    await new Promise((resolve) => setImmediate(resolve))
    const siblingOfInnermost = dagPb.decode(await blocks.get(CID.parse(expected[1]!))).Links[1]!.Hash
    const firstLeafOfSibling = dagPb.decode(await blocks.get(siblingOfInnermost)).Links[0]!.Hash
    expect(asked).toContain(firstLeafOfSibling.toString())
    await walking.return(undefined)
  })

  it('gives back what it opened when its reader leaves early', async () => {
    const { blocks, root } = await sample()
    let open = 0
    const source: BlockSource = {
      get: (cid, options) => blocks.get(cid, options),
      async *getMany(cids, options): AsyncGenerator<Block> {
        open++
        try {
          yield* blocks.getMany(cids, options)
        } finally {
          open--
        }
      },
    }
    let seen = 0
    for await (const _ of scopedBlocks(source, await resolvePath(source, root, []), { scope: 'all', duplicates: true }))
      if (++seen === 10) break
    await new Promise((resolve) => setImmediate(resolve))
    expect(open).toBe(0)
  })
})
