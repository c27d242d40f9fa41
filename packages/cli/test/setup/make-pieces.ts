import * as dagPb from '@ipld/dag-pb'
import { layOutSegments } from '@keepsake/content/aggregate/segments/layout.ts'
import { heightOfAggregate, orderSegments } from '@keepsake/content/aggregate/segments/place.ts'
import { layOutDags } from '@keepsake/content/aggregate/unixfs-2021/layout.ts'
import type { Block } from '@keepsake/content/block.ts'
import { encodeCarHeader, encodeSectionPrefix } from '@keepsake/content/car/encode.ts'
import { dagPbCid, rawCid } from '@keepsake/content/hash/cid.ts'
import { commPHasher } from '@keepsake/content/piece/commp.ts'
import { hashPairsPortable } from '@keepsake/content/piece/portable-pairs.ts'
import { packFile } from '@keepsake/content/unixfs/file.ts'
import { UnixFS } from 'ipfs-unixfs'
import type { CID } from 'multiformats/cid'

/** Bytes that do not repeat. */
export function pattern(length: number): Uint8Array {
  return new Uint8Array(length).map((_, at) => Math.imul(at + length, 2_654_435_761) >>> 24)
}

export async function packed(bytes: Uint8Array): Promise<{ root: CID; blocks: Block[] }> {
  const blocks: Block[] = []
  async function* source() {
    yield bytes
  }
  for await (const block of packFile(source())) blocks.push(block)
  return { root: blocks.at(-1)!.cid, blocks }
}

export async function folderOf(entries: [name: string, cid: CID][]): Promise<Block> {
  const links = entries.map(([Name, Hash]) => ({ Name, Hash, Tsize: 0 }))
  const bytes = dagPb.encode({ Data: new UnixFS({ type: 'directory' }).marshal(), Links: links })
  return { cid: await dagPbCid(bytes), bytes }
}

const sectionsOf = (blocks: readonly Block[]) =>
  blocks.flatMap(({ cid, bytes }) => [encodeSectionPrefix(cid, bytes.length), bytes])

export function carOf(root: CID, blocks: readonly Block[]): Buffer {
  return Buffer.concat([encodeCarHeader([root]), ...sectionsOf(blocks)])
}

/** A CAR by the batching spec of 2021: the directory of these roots, then these blocks. */
export async function batchCar(roots: readonly CID[], blocks: readonly Block[]) {
  const aggregate = await layOutDags(roots.map((root) => ({ root })))
  const chunks: Uint8Array[] = []
  for await (const part of aggregate.parts(() => [])) if (part.kind === 'bytes') chunks.push(part.bytes)
  chunks.push(...sectionsOf(blocks))
  const links = new Map(aggregate.entries.map((entry) => [entry.cid, entry.links]))
  const selectorOf = (cid: CID) =>
    links
      .get(String(cid))!
      .map((index) => `Links/${index}/Hash`)
      .join('/')
  return { car: Buffer.concat(chunks), root: aggregate.root, selectorOf }
}

/** An aggregate of data segments (FRC-0058): these CARs side by side, and their index. */
export async function segmentsOf(cars: readonly Buffer[]): Promise<Buffer> {
  const segments = await Promise.all(
    cars.map(async (car) => {
      const hasher = commPHasher(hashPairsPortable)
      hasher.write(car)
      return { ...hasher.digest(), shard: await rawCid(car) }
    }),
  )
  const layout = layOutSegments(segments, heightOfAggregate(orderSegments(segments)))
  const chunks: Uint8Array[] = []
  for (const part of layout.parts()) {
    if (part.kind === 'bytes') chunks.push(part.bytes)
    else if (part.kind === 'zeros') chunks.push(new Uint8Array(part.length))
    else {
      const car = cars[segments.findIndex(({ shard }) => shard.equals(part.shard))]!
      chunks.push(car.subarray(part.offset, part.offset + part.length))
    }
  }
  return Buffer.concat(chunks)
}
