import { createHash } from 'node:crypto'
import * as dagCbor from '@ipld/dag-cbor'
import { varint } from 'multiformats'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import * as Digest from 'multiformats/hashes/digest'
import { type Random, seededBytes, seededRandom } from './seeded.ts'

/** What an uploader may send: a small and a large file, a directory, a CAR, and a CAR in several requests. */
export type Kind = 'blob' | 'file' | 'directory' | 'car' | 'chunked'

/** One content, made anew from its seed whenever it is needed: only the seed is ever remembered. */
export type Sample =
  | { kind: 'blob' | 'file'; bytes: Uint8Array }
  | { kind: 'directory'; files: { path: string; bytes: Uint8Array }[] }
  | { kind: 'car' | 'chunked'; dag: Dag }

export interface Block {
  cid: CID
  bytes: Uint8Array
}

/** A DAG of two levels over raw leaves. */
export interface Dag {
  root: Block
  /** What hangs on each link of the root; together with the root, one CAR each when it comes in chunks. */
  branches: Block[][]
}

const KiB = 1024
const carCodec = 0x0202
const sha256Code = 0x12

function cidOf(codec: number, bytes: Uint8Array): CID {
  return CID.createV1(codec, Digest.create(sha256Code, createHash('sha256').update(bytes).digest()))
}

export const rawCid = (bytes: Uint8Array) => cidOf(raw.code, bytes)
/** How the API names a CAR that it received. */
export const carCid = (car: Uint8Array) => cidOf(carCodec, car)

export function sampleOf(kind: Kind, seed: string): Sample {
  const random = seededRandom(seed)
  if (kind === 'blob') return { kind, bytes: seededBytes(seed, random.between(KiB, 64 * KiB)) }
  if (kind === 'file') return { kind, bytes: seededBytes(seed, random.between(5 * KiB * KiB, 20 * KiB * KiB)) }
  if (kind === 'directory') return { kind, files: filesOf(seed, random) }
  return { kind, dag: dagOf(seed, random) }
}

function filesOf(seed: string, random: Random) {
  return Array.from({ length: random.between(2, 8) }, (_, index) => ({
    path: `${random.pick(['', 'images/', 'images/large/', 'data/'])}${index}.bin`,
    bytes: seededBytes(`${seed} ${index}`, random.pick([1, random.between(1, 20 * KiB), random.between(256 * KiB, 600 * KiB)])),
  }))
}

function dagOf(seed: string, random: Random): Dag {
  const branches = Array.from({ length: random.between(2, 5) }, (_, branch) => {
    const leaves = Array.from({ length: random.between(1, 6) }, (_, leaf): Block => {
      const bytes = seededBytes(`${seed} ${branch} ${leaf}`, random.between(KiB, 48 * KiB))
      return { cid: rawCid(bytes), bytes }
    })
    return [dagCborBlock({ branch, leaves: leaves.map(({ cid }) => cid) }), ...leaves]
  })
  return { root: dagCborBlock({ seed, branches: branches.map(([inner]) => inner!.cid) }), branches }
}

export function dagCborBlock(value: unknown): Block {
  const bytes = dagCbor.encode(value)
  return { cid: cidOf(dagCbor.code, bytes), bytes }
}

/** A CARv1 (specification: ipld.io/specs/transport/car/carv1) with one root, which is its first block. */
export function carOf(root: Block, blocks: readonly Block[]): Uint8Array {
  const parts: Uint8Array[] = []
  const section = (...pieces: Uint8Array[]) => {
    const sizeBytes = pieces.reduce((sum, piece) => sum + piece.length, 0)
    parts.push(varint.encodeTo(sizeBytes, new Uint8Array(varint.encodingLength(sizeBytes))), ...pieces)
  }
  section(dagCbor.encode({ version: 1, roots: [root.cid] }))
  for (const { cid, bytes } of [root, ...blocks]) section(cid.bytes, bytes)
  return Buffer.concat(parts)
}

/** The CARs of a DAG that comes in chunks: each repeats the root. */
export const chunksOf = ({ root, branches }: Dag): Uint8Array[] => branches.map((branch) => carOf(root, branch))

export const wholeCarOf = ({ root, branches }: Dag): Uint8Array => carOf(root, branches.flat())
