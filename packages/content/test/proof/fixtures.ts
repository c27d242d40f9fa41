import type { Section } from '../../src/aggregate/sections.ts'
import { layOutSegments } from '../../src/aggregate/segments/layout.ts'
import { heightOfAggregate } from '../../src/aggregate/segments/place.ts'
import { layOutDags } from '../../src/aggregate/unixfs-2021/layout.ts'
import type { Block } from '../../src/block.ts'
import { decodeCar } from '../../src/car/decode.ts'
import { encodeCarHeader, encodeSectionPrefix } from '../../src/car/encode.ts'
import { rawCid } from '../../src/hash/cid.ts'
import { commPHasher } from '../../src/piece/commp.ts'
import { hashFewPairs } from '../../src/piece/hash-pairs.ts'
import type { Piece } from '../../src/piece/piece.ts'
import { hashPairsPortable } from '../../src/piece/portable-pairs.ts'
import { prover } from '../../src/piece/prove.ts'
import { pieceTree } from '../../src/piece/tree.ts'
import { makeProof, type PlaceToProve } from '../../src/proof/make-proof.ts'
import { walkOrder } from '../../src/proof/walk-order.ts'
import type { PackedEntry } from '../../src/unixfs/file.ts'
import { inPieces, listAll } from '../oracle.ts'
import { MemoryBlocks } from '../read/fixtures.ts'

/** DAGs, each packed already. */
export interface PackedDag {
  result: PackedEntry
  blocks: Block[]
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(pieces))
}

/** A small server in memory: the blocks of some DAGs in one aggregate, as the real one builds it. */
export async function aggregateOf(dags: readonly PackedDag[], layout: 'unixfs-2021' | 'segments', v0 = false) {
  const blocks = new MemoryBlocks()
  for (const dag of dags) for (const { cid, bytes } of dag.blocks) blocks.add(cid, bytes)
  const built = layout === 'segments' ? await buildSegments(dags, blocks) : await buildUnixfs(dags, blocks, v0)
  for await (const block of generatedIn(built.data)) blocks.add(block.cid, block.bytes)
  const hasher = commPHasher(hashPairsPortable, { keepLevel: 5 })
  hasher.write(built.data)
  const piece = hasher.digest()
  const read = async (offset: number, length: number) => built.data.slice(offset, offset + length)
  const place = (root: string): PlaceToProve => ({
    piece,
    prover: prover(pieceTree(hasher.keptLevel(), piece.height, hashFewPairs), read, hashFewPairs),
    read,
    ...built.placeOf(root),
  })
  const prove = async (dag: PackedDag, change: (place: PlaceToProve) => PlaceToProve = (same) => same) => {
    const root = dag.result.cid
    const unique = await listAll(walkOrder(root, (cid) => blocks.get(cid)))
    let bytes = 0
    for (const { cid } of unique) bytes += (await blocks.get(cid)).length
    return await makeProof({
      root,
      dag: { blocks: unique.length, bytes },
      shard: { cid: String(root), offset: 59, length: 100 },
      places: [change(place(root.toString()))],
      readNode: (cid) => blocks.get(cid),
    })
  }
  return { blocks, piece, data: built.data, prove }
}

async function* generatedIn(data: Uint8Array): AsyncGenerator<Block> {
  try {
    const car = await decodeCar(inPieces(data, () => 65_536))
    for await (const block of car.blocks) yield block
  } catch {
    // Segments are no CAR as a whole.
  }
}

async function sectionsOf(dag: PackedDag, blocks: MemoryBlocks, v0: boolean) {
  const sections: { cid: Block['cid']; bytes: Uint8Array }[] = []
  for await (const { cid } of walkOrder(dag.result.cid, (node) => blocks.get(node))) {
    const bytes = await blocks.get(cid)
    const spelled = v0 && cid.code === 0x70 ? cid.toV0() : cid
    sections.push({ cid, bytes: joined([encodeSectionPrefix(spelled, bytes.length), bytes]) })
  }
  return sections
}

async function buildUnixfs(dags: readonly PackedDag[], blocks: MemoryBlocks, v0: boolean) {
  const shards = new Map<string, Uint8Array>()
  const sections = new Map<string, Section[]>()
  for (const dag of dags) {
    const found = await sectionsOf(dag, blocks, v0)
    const shard = await rawCid(joined(found.map(({ bytes }) => bytes)))
    shards.set(shard.toString(), joined(found.map(({ bytes }) => bytes)))
    let offset = 0
    const placed = found.map(({ cid, bytes }) => {
      offset += bytes.length
      return { multihash: cid.multihash.bytes, shard, offset: offset - bytes.length, length: bytes.length }
    })
    sections.set(dag.result.cid.toString(), placed)
  }
  const layout = await layOutDags(dags.map(({ result }) => ({ root: result.cid })))
  const pieces: Uint8Array[] = []
  for await (const part of layout.parts(({ cid }) => sections.get(cid)!)) {
    if (part.kind === 'bytes') pieces.push(part.bytes)
    else if (part.kind === 'shard')
      pieces.push(shards.get(part.shard.toString())!.subarray(part.offset, part.offset + part.length))
  }
  const data = joined(pieces)
  const find = (section: Uint8Array) => Buffer.from(data).indexOf(section)
  return {
    data,
    placeOf: (root: string): Omit<PlaceToProve, 'piece' | 'prover' | 'read'> => {
      const first = sections.get(root)![0]!
      const bytes = shards.get(first.shard.toString())!.subarray(0, first.length)
      const links = layout.entries.find(({ cid }) => cid === root)!.links
      return {
        start: find(bytes),
        locate: async (cids) =>
          new Map(
            await Promise.all(
              cids.map(async (cid) => {
                const block = await blocks.get(cid)
                return [cid.toString(), find(joined([encodeSectionPrefix(cid, block.length), block]))] as const
              }),
            ),
          ),
        aggregate: { layout: 'unixfs-2021', root: layout.root, links },
      }
    },
  }
}

async function buildSegments(dags: readonly PackedDag[], blocks: MemoryBlocks) {
  const cars = new Map<string, { car: Uint8Array; piece: Piece }>()
  for (const dag of dags) {
    const sections = await sectionsOf(dag, blocks, false)
    const car = joined([encodeCarHeader([dag.result.cid]), ...sections.map(({ bytes }) => bytes)])
    const hasher = commPHasher(hashPairsPortable)
    hasher.write(car)
    cars.set(dag.result.cid.toString(), { car, piece: hasher.digest() })
  }
  const segments = dags.map(({ result }) => ({ ...cars.get(result.cid.toString())!.piece, shard: result.cid }))
  const layout = layOutSegments(segments, heightOfAggregate(segments.toSorted((a, b) => b.height - a.height)))
  const data = joined(
    [...layout.parts()].map((part) => {
      if (part.kind === 'bytes') return part.bytes
      return part.kind === 'zeros' ? new Uint8Array(part.length) : cars.get(part.shard.toString())!.car
    }),
  )
  return {
    data,
    placeOf: (root: string): Omit<PlaceToProve, 'piece' | 'prover' | 'read'> => {
      const position = layout.entries.findIndex(({ shard }) => shard.toString() === root)
      const { offset, shard } = layout.entries[position]!
      return {
        start: (offset / 128) * 127 + encodeCarHeader([shard]).length,
        locate: async () => new Map(),
        aggregate: { layout: 'segments', segment: layout.entries[position]!, paddedOffset: offset, position },
      }
    },
  }
}
