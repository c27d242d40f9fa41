import * as dagPb from '@ipld/dag-pb'
import { fileBlocks, readFile } from '@keepsake/content/unixfs/read/file.ts'
import { decodeUnixFs, sizeOfFile } from '@keepsake/content/unixfs/read/node.ts'
import { rangeOf } from '@keepsake/content/unixfs/read/scope.ts'
import { UnixFS } from 'ipfs-unixfs'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import { balanced, trickle } from 'ipfs-unixfs-importer/layout'
import { CID } from 'multiformats/cid'
import { identity } from 'multiformats/hashes/identity'
import { sha256 } from 'multiformats/hashes/sha2'
import { describe, expect, it } from 'vitest'
import { collect, importFiles, MemoryBlocks, sampleBytes } from './fixtures.ts'

const chunkSize = 1000
const content = sampleBytes(25 * chunkSize + 17)
const layouts = {
  'raw leaves, three levels': { rawLeaves: true, layout: balanced({ maxChildrenPerNode: 3 }) },
  'dag-pb leaves, three levels': { rawLeaves: false, layout: balanced({ maxChildrenPerNode: 3 }) },
  'dag-pb leaves of CIDv0': { rawLeaves: false, cidVersion: 0 as const, layout: balanced({ maxChildrenPerNode: 3 }) },
  'trickle, where inner nodes carry bytes too': { rawLeaves: false, layout: trickle({ maxChildrenPerNode: 3 }) },
  'one level': { rawLeaves: true, layout: balanced({ maxChildrenPerNode: 174 }) },
}

async function imported(options: object) {
  const blocks = new MemoryBlocks()
  const { root } = await importFiles(blocks, [{ content }], { chunker: fixedSize({ chunkSize }), ...options })
  return { blocks, root }
}

async function put(blocks: MemoryBlocks, codec: number, bytes: Uint8Array): Promise<CID> {
  return blocks.add(CID.createV1(codec, await sha256.digest(bytes)), bytes)
}

function fileNode(links: { cid: CID; size: number }[], data?: Uint8Array): Uint8Array {
  const file = new UnixFS({ type: 'file', ...(data && { data }), blockSizes: links.map(({ size }) => BigInt(size)) })
  return dagPb.encode({ Data: file.marshal(), Links: links.map(({ cid }) => ({ Name: '', Tsize: 1, Hash: cid })) })
}

describe('readFile', () => {
  for (const [name, options] of Object.entries(layouts)) {
    it(`gives the bytes of a file back (${name})`, async () => {
      const { blocks, root } = await imported(options)
      expect(await collect(readFile(blocks, root))).toEqual(content)
      expect(sizeOfFile(decodeUnixFs(root, await blocks.get(root)))).toBe(content.length)
    })

    it(`gives ranges at, below and above the edges of blocks (${name})`, async () => {
      const { blocks, root } = await imported(options)
      const edges = [
        0,
        1,
        999,
        1000,
        1001,
        2999,
        3000,
        3001,
        8999,
        9000,
        9001,
        content.length - 1,
        content.length,
        content.length + 1,
      ]
      for (const offset of edges) {
        for (const length of [0, 1, 2, 1000, 1001, 9000, content.length]) {
          const got = await collect(readFile(blocks, root, { offset, length }))
          expect(Buffer.compare(got, content.subarray(offset, offset + length)), `${offset}+${length}`).toBe(0)
        }
      }
    })
  }

  it('reads only the blocks a range needs', async () => {
    const { blocks, root } = await imported(layouts['raw leaves, three levels'])
    blocks.read.length = 0
    expect(await collect(readFile(blocks, root, { offset: 10_500, length: 100 }))).toEqual(content.subarray(10_500, 10_600))
    const path = blocks.read.length
    expect(path).toBeLessThanOrEqual(5)
    const needed: string[] = []
    for await (const { cid } of fileBlocks(blocks, root, { offset: 10_500, length: 100 })) needed.push(cid.toString())
    expect(needed).toHaveLength(path)
  })

  it('reads one leaf for exactly its bytes, and two for a byte more', async () => {
    const { blocks, root } = await imported(layouts['one level'])
    for (const [offset, length, leaves] of [
      [10_000, 1000, 1],
      [9_999, 1001, 2],
      [10_000, 1001, 2],
      [10_999, 1, 1],
    ] as const) {
      blocks.read.length = 0
      expect(await collect(readFile(blocks, root, { offset, length }))).toHaveLength(length)
      expect(blocks.read, `${offset}+${length}`).toHaveLength(1 + leaves)
    }
  })

  it('yields views of the blocks and copies nothing', async () => {
    const { blocks, root } = await imported(layouts['one level'])
    const buffers = new Set<ArrayBufferLike>()
    for await (const slice of readFile(blocks, root)) buffers.add(slice.buffer)
    const stored = new Set<ArrayBufferLike>()
    for await (const { bytes } of fileBlocks(blocks, root)) stored.add(bytes.buffer)
    expect([...buffers].every((buffer) => stored.has(buffer))).toBe(true)
  })

  it('reads content that an identity CID carries itself, as root and as part', async () => {
    const blocks = new MemoryBlocks()
    const hello = CID.createV1(0x55, identity.digest(new TextEncoder().encode('hello ')))
    const world = await put(blocks, 0x55, new TextEncoder().encode('world'))
    const root = await put(
      blocks,
      0x70,
      fileNode([
        { cid: hello, size: 6 },
        { cid: world, size: 5 },
      ]),
    )
    expect(new TextDecoder().decode(await collect(readFile(blocks, root)))).toBe('hello world')
    expect(new TextDecoder().decode(await collect(readFile(blocks, hello)))).toBe('hello ')
  })

  it('refuses an identity CID of 129 bytes and reads one of 128', async () => {
    const cidOf = (length: number) => CID.createV1(0x55, identity.digest(sampleBytes(length)))
    expect(await collect(readFile(new MemoryBlocks(), cidOf(128)))).toHaveLength(128)
    await expect(collect(readFile(new MemoryBlocks(), cidOf(129)))).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' })
  })
})

describe('readFile with nodes that lie', () => {
  it('refuses a part that is not as long as its parent says', async () => {
    for (const claimed of [4, 6]) {
      const blocks = new MemoryBlocks()
      const leaf = await put(blocks, 0x55, new TextEncoder().encode('hello'))
      const root = await put(blocks, 0x70, fileNode([{ cid: leaf, size: claimed }]))
      await expect(collect(readFile(blocks, root))).rejects.toMatchObject({ code: 'INVALID_BLOCK' })
    }
  })

  it('refuses a node with more links than sizes', async () => {
    const blocks = new MemoryBlocks()
    const leaf = await put(blocks, 0x55, new TextEncoder().encode('hello'))
    const file = new UnixFS({ type: 'file', blockSizes: [5n] })
    const link = { Name: '', Tsize: 1, Hash: leaf }
    const root = await put(blocks, 0x70, dagPb.encode({ Data: file.marshal(), Links: [link, link] }))
    await expect(collect(readFile(blocks, root))).rejects.toMatchObject({ code: 'INVALID_BLOCK' })
  })

  it('refuses a directory in the place of a part', async () => {
    const blocks = new MemoryBlocks()
    const directory = await put(blocks, 0x70, dagPb.encode({ Data: new UnixFS({ type: 'directory' }).marshal(), Links: [] }))
    const root = await put(blocks, 0x70, fileNode([{ cid: directory, size: 5 }]))
    await expect(collect(readFile(blocks, root))).rejects.toMatchObject({ code: 'INVALID_BLOCK' })
  })

  it('refuses dag-pb that does not decode, with or without UnixFS data', async () => {
    const blocks = new MemoryBlocks()
    for (const bytes of [
      new Uint8Array([0x0a, 0xff]),
      new Uint8Array([0xff]),
      new Uint8Array(0),
      new Uint8Array([0x0a, 1, 0xff]),
    ]) {
      const root = await put(blocks, 0x70, bytes)
      await expect(collect(readFile(blocks, root))).rejects.toMatchObject({ code: 'INVALID_BLOCK' })
    }
  })

  it('refuses a file that claims more bytes than a number can count', async () => {
    const blocks = new MemoryBlocks()
    const leaf = await put(blocks, 0x55, new TextEncoder().encode('hello'))
    const half = Number.MAX_SAFE_INTEGER - 1
    const root = await put(
      blocks,
      0x70,
      fileNode([
        { cid: leaf, size: half },
        { cid: leaf, size: half },
      ]),
    )
    await expect(collect(readFile(blocks, root))).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' })
  })

  it('does not walk into parts of no bytes, of which a few blocks can hold more than anybody can wait for', async () => {
    const blocks = new MemoryBlocks()
    let bomb = await put(blocks, 0x70, fileNode([]))
    for (let level = 0; level < 10; level++) bomb = await put(blocks, 0x70, fileNode(Array(1000).fill({ cid: bomb, size: 0 })))
    const byte = await put(blocks, 0x55, new TextEncoder().encode('x'))
    const parts = [{ cid: byte, size: 1 }, ...Array(1000).fill({ cid: bomb, size: 0 }), { cid: byte, size: 1 }]
    const root = await put(blocks, 0x70, fileNode(parts))
    blocks.read.length = 0
    expect(await collect(readFile(blocks, root))).toHaveLength(2)
    expect(blocks.read).toHaveLength(3)
  })

  it('refuses a file of 65 levels and reads one of 64', async () => {
    const blocks = new MemoryBlocks()
    let file = await put(blocks, 0x55, new TextEncoder().encode('x'))
    for (let level = 0; level < 64; level++) file = await put(blocks, 0x70, fileNode([{ cid: file, size: 1 }]))
    expect(await collect(readFile(blocks, file))).toHaveLength(1)
    const deeper = await put(blocks, 0x70, fileNode([{ cid: file, size: 1 }]))
    await expect(collect(readFile(blocks, deeper))).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' })
  })

  it('says which block is missing after giving what comes before it', async () => {
    const { blocks, root } = await imported(layouts['one level'])
    const cids: CID[] = []
    for await (const { cid } of fileBlocks(blocks, root)) cids.push(cid)
    blocks.remove(cids[4]!)
    const got: Uint8Array[] = []
    const reading = (async () => {
      for await (const slice of readFile(blocks, root)) got.push(slice)
    })()
    await expect(reading).rejects.toMatchObject({ code: 'BLOCK_NOT_FOUND' })
    expect(Buffer.concat(got)).toHaveLength(3 * chunkSize)
  })

  it('stops when its signal is aborted', async () => {
    const { blocks, root } = await imported(layouts['raw leaves, three levels'])
    const aborting = new AbortController()
    const reading = readFile(blocks, root, { signal: aborting.signal })
    await reading.next()
    aborting.abort()
    await expect(collect(reading)).rejects.toThrow(/abort/i)
  })
})

describe('rangeOf', () => {
  it('counts both ends, from the start and from the end', () => {
    expect(rangeOf(1026)).toEqual({ offset: 0, length: 1026 })
    expect(rangeOf(1026, { from: 0, to: 0 })).toEqual({ offset: 0, length: 1 })
    expect(rangeOf(1026, { from: 512, to: 1023 })).toEqual({ offset: 512, length: 512 })
    expect(rangeOf(1026, { from: -5, to: undefined })).toEqual({ offset: 1021, length: 5 })
    expect(rangeOf(1026, { from: -9999, to: -3 })).toEqual({ offset: 0, length: 1024 })
    expect(rangeOf(1026, { from: 1000, to: 5000 })).toEqual({ offset: 1000, length: 26 })
    expect(rangeOf(1026, { from: 500, to: -1000 })).toEqual({ offset: 500, length: 0 })
    expect(rangeOf(0)).toEqual({ offset: 0, length: 0 })
  })

  it('refuses a range that begins at the end of the file', () => {
    expect(rangeOf(10, { from: 9, to: undefined }).length).toBe(1)
    expect(() => rangeOf(10, { from: 10, to: undefined })).toThrow(/begins at byte 10/)
  })
})
