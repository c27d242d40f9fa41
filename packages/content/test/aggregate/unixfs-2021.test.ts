import { CarBlockIterator } from '@ipld/car'
import { exporter } from 'ipfs-unixfs-exporter'
import { CID } from 'multiformats/cid'
import { describe, expect, test } from 'vitest'
import type { RecipePart } from '../../src/aggregate/recipe.ts'
import type { Section } from '../../src/aggregate/sections.ts'
import { type DagItem, entryPath, entrySelector } from '../../src/aggregate/unixfs-2021/entries.ts'
import { checkEntries, listEntries, pathToDag, resolveSelector } from '../../src/aggregate/unixfs-2021/find-entry.ts'
import { layOutDags, type SectionsOf } from '../../src/aggregate/unixfs-2021/layout.ts'
import { encodeCarHeader, encodeSectionPrefix } from '../../src/car/encode.ts'
import { resolvePath } from '../../src/dag/resolve.ts'
import { cidOf, DAG_CBOR, RAW, rawCid } from '../../src/hash/cid.ts'
import { verifyBlock } from '../../src/hash/verify.ts'
import { listAll, pattern, seeded } from '../oracle.ts'
import { MemoryBlocks } from '../read/fixtures.ts'

/** The published example of the format's own implementation. */
const example: DagItem[] = [
  { root: CID.parse('QmQy6xmJhrcC5QLboAcGFcAE1tC8CrwDVkrHdEYJkLscrQ'), nodeCount: 1, dagBytes: 42 },
  { root: CID.parse('QmQy6xmJhrcC5QLboAcGFcAE1tC8CrwDVkrHdEYJkLscrQ').toV1() },
  { root: CID.parse('bafkreihjji2ny4zwyh7ubc3bmdb5tj455vi5fhsbwf2uvcw6l75z446qea') },
  { root: CID.parse('bafkreialad2qaplrgjs2x2rs4fycwmwmpmocantoho3doxulmbmlrg6qea') },
  { root: CID.parse('bafkreiarcpog7fgb3cvs4iznh6jcqtxgyyk5rbsmk4dvxuty5tylof6qea') },
]

/** Shards as files in memory, and where the sections of each DAG lie. */
class Shards {
  readonly files = new Map<string, Uint8Array>()
  readonly sections = new Map<string, Section[]>()

  /** Stores one-block DAGs of these bytes in one shard. */
  async add(contents: readonly Uint8Array[], codec = RAW): Promise<DagItem[]> {
    const shard = await rawCid(pattern(8, this.files.size + 77))
    const pieces: Uint8Array[] = [encodeCarHeader([])]
    const items: DagItem[] = []
    let offset = pieces[0]!.length
    for (const bytes of contents) {
      const root = await cidOf(codec, bytes)
      const prefix = encodeSectionPrefix(root, bytes.length)
      pieces.push(prefix, bytes)
      const length = prefix.length + bytes.length
      this.sections.set(root.toString(), [{ multihash: root.multihash.bytes, shard, offset, length }])
      items.push({ root, dagBytes: bytes.length, nodeCount: 1 })
      offset += length
    }
    this.files.set(shard.toString(), new Uint8Array(Buffer.concat(pieces)))
    return items
  }

  of: SectionsOf = ({ cid }) => this.sections.get(cid) ?? []

  bytesOf(parts: readonly RecipePart[]): Uint8Array {
    return new Uint8Array(
      Buffer.concat(
        parts.map((part) => {
          if (part.kind === 'bytes') return part.bytes
          if (part.kind === 'zeros') return new Uint8Array(part.length)
          return this.files.get(part.shard.toString())!.subarray(part.offset, part.offset + part.length)
        }),
      ),
    )
  }
}

async function partsOf(items: readonly DagItem[], sectionsOf: SectionsOf): Promise<RecipePart[]> {
  return await listAll((await layOutDags(items)).parts(sectionsOf))
}

/** Reads a CAR with the IPFS project's own reader, which knows nothing of ours. */
async function importCar(car: Uint8Array): Promise<{ blocks: MemoryBlocks; roots: CID[]; count: number }> {
  const reader = await CarBlockIterator.fromBytes(car)
  const blocks = new MemoryBlocks()
  let count = 0
  for await (const { cid, bytes } of reader) {
    const known = CID.decode(cid.bytes)
    await verifyBlock(known, bytes)
    blocks.add(known, bytes)
    count++
  }
  return { blocks, roots: (await reader.getRoots()).map((root) => CID.decode(root.bytes)), count }
}

describe('layOutDags', () => {
  test('gives the example of 2021 the root and the links it was published with', async () => {
    const aggregate = await layOutDags(example)
    expect(String(aggregate.root)).toBe('bafybeib62b4ukyzjcj7d2h4mbzjgg7l6qiz3ma4vb4b2bawmcauf5afvua')
    expect(aggregate.entries.map(({ links }) => links)).toEqual([
      [1, 0, 0],
      [1, 0, 1],
      [1, 0, 2],
      [2, 0, 0],
    ])
    expect(entryPath(aggregate.entries[0]!)).toBe(
      'baf...ea/baf...6qea/bafkreialad2qaplrgjs2x2rs4fycwmwmpmocantoho3doxulmbmlrg6qea',
    )
    expect(entrySelector(aggregate.entries[3]!)).toBe('Links/2/Hash/Links/0/Hash/Links/0/Hash')
  })

  test('makes a CAR in which every DAG is found by its path and by its selector', async () => {
    const shards = new Shards()
    const contents = Array.from({ length: 300 }, (_, index) => pattern(1 + ((index * 37) % 5000), index))
    const items = [...(await shards.add(contents.slice(0, 200))), ...(await shards.add(contents.slice(200)))]
    const aggregate = await layOutDags(items)
    const parts = await listAll(aggregate.parts(shards.of))
    const { blocks, roots } = await importCar(shards.bytesOf(parts))
    expect(roots.map(String)).toEqual([String(aggregate.root)])
    const listed = await listAll(listEntries(blocks, aggregate.root))
    expect(listed).toEqual(aggregate.entries)
    expect(await checkEntries(blocks, aggregate.root)).toBe(300)
    for (const [index, { root }] of items.entries()) {
      const entry = listed.find(({ cid }) => cid === root.toString())!
      expect(String(await resolveSelector(blocks, aggregate.root, entrySelector(entry)))).toBe(entry.cid)
      expect(pathToDag(root)).toBe(entryPath(entry))
      const byPath = await resolvePath(blocks, aggregate.root, entryPath(entry).split('/'))
      expect(Buffer.from(byPath.bytes).equals(contents[index]!)).toBe(true)
    }
  })

  test('is a UnixFS directory for the exporter of the IPFS project, sizes included', async () => {
    const shards = new Shards()
    const items = await shards.add(Array.from({ length: 40 }, (_, index) => pattern(100 + index, index)))
    const aggregate = await layOutDags(items)
    const { blocks } = await importCar(shards.bytesOf(await listAll(aggregate.parts(shards.of))))
    const store = blocks.importerStore as unknown as Parameters<typeof exporter>[1]
    const found = await exporter(`${aggregate.root}/${entryPath(aggregate.entries[7]!)}`, store)
    expect(String(found.cid)).toBe(aggregate.entries[7]!.cid)
    const manifest = await exporter(`${aggregate.root}/@AggregateManifest.ndjson`, store)
    const chunks: Uint8Array[] = []
    for await (const chunk of (manifest as { content(): AsyncIterable<Uint8Array> }).content()) chunks.push(chunk)
    expect(Buffer.concat(chunks).toString().trimEnd().split('\n')).toHaveLength(42)
  })

  test('gives the same bytes whatever the order of the items', async () => {
    const shards = new Shards()
    const items = await shards.add(Array.from({ length: 60 }, (_, index) => pattern(50, index)))
    const random = seeded(5)
    const shuffled = [...items].sort(() => random(3) - 1)
    const first = shards.bytesOf(await partsOf(items, shards.of))
    expect(Buffer.from(first).equals(shards.bytesOf(await partsOf(shuffled, shards.of)))).toBe(true)
  })

  test('puts a block in once, and makes one range of neighbours', async () => {
    const shards = new Shards()
    const [a, b, c] = (await shards.add([pattern(10, 1), pattern(20, 2), pattern(30, 3)])) as [DagItem, DagItem, DagItem]
    const all = [a, b, c].flatMap(({ root }) => shards.sections.get(root.toString())!)
    const ranges = (await partsOf([a, b], () => all)).filter((part) => part.kind === 'shard')
    expect(ranges).toHaveLength(1)
    expect(ranges[0]).toMatchObject({ offset: all[0]!.offset, length: all[0]!.length + all[1]!.length + all[2]!.length })
    const apart = (await partsOf([a], () => [all[2]!, all[0]!, all[2]!])).filter((part) => part.kind === 'shard')
    expect(apart.map(({ offset }) => offset)).toEqual([all[2]!.offset, all[0]!.offset])
  })

  test('leaves out blocks that it has generated itself', async () => {
    const shards = new Shards()
    const items = await shards.add([pattern(10)])
    const { root, entries } = await layOutDags(items)
    const own: Section = { multihash: root.multihash.bytes, shard: root, offset: 59, length: 100 }
    const [, ...rest] = await partsOf(items, (entry) => [own, ...(shards.sections.get(entry.cid) ?? [])])
    expect(entries).toHaveLength(1)
    expect(rest.filter((part) => part.kind === 'shard' && part.shard.equals(root))).toEqual([])
  })

  test('takes roots of any codec, and identity CIDs, which have no blocks', async () => {
    const shards = new Shards()
    const cbor = await shards.add([new Uint8Array([0xa0])], DAG_CBOR)
    const aggregate = await layOutDags([...cbor, { root: CID.parse('bafkqaaa') }])
    const { blocks, count } = await importCar(shards.bytesOf(await listAll(aggregate.parts(shards.of))))
    expect(await checkEntries(blocks, aggregate.root)).toBe(2)
    expect(count).toBeGreaterThan(4)
  })

  test('refuses to be of nothing, and stops when told to', async () => {
    await expect(layOutDags([])).rejects.toMatchObject({ code: 'INVALID_INPUT' })
    await expect(layOutDags(example, { signal: AbortSignal.abort() })).rejects.toThrow('abort')
    const { parts } = await layOutDags(example)
    await expect(listAll(parts(() => [], { signal: AbortSignal.abort() }))).rejects.toThrow('abort')
  })
})
