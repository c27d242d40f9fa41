import { decodeCar } from '@keepsake/content/car/decode.ts'
import { encodeCarHeader, encodeSectionPrefix } from '@keepsake/content/car/encode.ts'
import { carRules } from '@keepsake/content/car/rules.ts'
import { RAW } from '@keepsake/content/hash/cid.ts'
import { verifyBlock } from '@keepsake/content/hash/verify.ts'
import { packToken, type TokenFile } from '@keepsake/content/nft/token.ts'
import { type PackedFile, packFile } from '@keepsake/content/unixfs/file.ts'
import { fileTree } from '@keepsake/content/unixfs/tree.ts'
import type { CID } from 'multiformats/cid'
import type { PackRequest, PathFile, TokenPart } from './pack-request.ts'

/** A block, and where its bytes are: a piece of a file, which is read only when it is sent, or the bytes themselves where packing made them. */
export interface LocatedBlock {
  cid: CID
  sizeBytes: number
  data: Blob | Uint8Array<ArrayBuffer>
}

/** What came of packing, beside the other blocks. */
export interface Outcome {
  root: LocatedBlock
  tokenData?: Record<string, unknown>
}

interface Made {
  cid: CID
  tokenData?: Record<string, unknown>
}

type Blocks<T> = AsyncGenerator<LocatedBlock, T, undefined>
/** Told how many bytes of the files were read since the last call. */
type OnRead = (bytes: number) => void

/** All blocks of a content but the root, which comes of it. Memory holds a piece of one file at a time. */
export function locatedBlocks(request: PackRequest, onRead: OnRead): Blocks<Outcome> {
  if (request.kind === 'file') return rootApart(fileBlocks(request.file, onRead))
  if (request.kind === 'directory') return rootApart(directoryBlocks(request.files, onRead))
  if (request.kind === 'token') return rootApart(tokenBlocks(request.meta, request.files, onRead))
  return carBlocks(request.file, onRead)
}

/** What is packed here ends with its root. */
async function* rootApart(blocks: Blocks<Made>): Blocks<Outcome> {
  let last: LocatedBlock | undefined
  for (;;) {
    const next = await blocks.next()
    if (next.done) {
      if (!last?.cid.equals(next.value.cid)) throw new Error('The last block of a packing is its root.')
      return { ...next.value, root: last }
    }
    if (last) yield last
    last = next.value
  }
}

const pieceBytes = 4 * 1024 * 1024

/** Pieces of its own buffer each: leaves are views of them. */
async function* piecesOf(file: Blob, onRead: OnRead): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < file.size; at += pieceBytes) {
    const piece = new Uint8Array(await file.slice(at, at + pieceBytes).arrayBuffer())
    onRead(piece.length)
    yield piece
  }
}

async function* fileBlocks(file: Blob, onRead: OnRead): Blocks<PackedFile> {
  const packing = packFile(piecesOf(file, onRead))
  let at = 0
  for (;;) {
    const next = await packing.next()
    if (next.done) return next.value
    const { cid, bytes } = next.value
    // Leaves come in the order of the file, so this one begins where the former ended.
    const isLeaf = cid.code === RAW
    yield { cid, sizeBytes: bytes.length, data: isLeaf ? file.slice(at, at + bytes.length) : owned(bytes) }
    if (isLeaf) at += bytes.length
  }
}

async function* directoryBlocks(files: readonly PathFile[], onRead: OnRead): Blocks<Made> {
  const tree = fileTree()
  for (const { path, file } of files) tree.add(path, yield* fileBlocks(file, onRead))
  return yield* made(tree.packTree())
}

async function* tokenBlocks(meta: unknown, parts: readonly TokenPart[], onRead: OnRead): Blocks<Made> {
  const files: TokenFile[] = []
  for (const { place, file } of parts) {
    const tree = fileTree()
    tree.add(file.name, yield* fileBlocks(file, onRead))
    const directory = yield* made(tree.packTree())
    files.push({ path: place, fileName: file.name, directory: directory.cid })
  }
  const { cid, data } = yield* made(packToken(meta, files))
  return { cid, tokenData: data }
}

/** Blocks that exist in memory alone: inner nodes, directories, metadata. */
async function* made<T>(blocks: AsyncGenerator<{ cid: CID; bytes: Uint8Array }, T, undefined>): Blocks<T> {
  for (;;) {
    const next = await blocks.next()
    if (next.done) return next.value
    const { cid, bytes } = next.value
    yield { cid, sizeBytes: bytes.length, data: owned(bytes) }
  }
}

function owned(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes)
}

async function* carBlocks(file: File, onRead: OnRead): Blocks<Outcome> {
  await using car = await decodeCar(piecesOf(file, onRead))
  const rules = carRules()
  const cid = rules.checkRoots(car.roots)
  // In a CARv2 the payload lies behind a header that says where; a CARv1 is all payload.
  const payloadStart = car.version === 1 ? 0 : await payloadOffset(file)
  let root: LocatedBlock | undefined
  for await (const block of car.blocks) {
    rules.checkBlock(block)
    await verifyBlock(block.cid, block.bytes)
    const start = payloadStart + block.offset
    const located = { cid: block.cid, sizeBytes: block.length, data: file.slice(start, start + block.length) }
    if (!block.cid.equals(cid)) yield located
    else root ??= located
  }
  rules.checkEnd()
  return { root: root as LocatedBlock }
}

/** Where the CARv1 begins in a CARv2. (CARv2 specification, "Header": after 11 bytes of pragma, 16 of characteristics.) */
async function payloadOffset(file: Blob): Promise<number> {
  const header = new DataView(await file.slice(27, 35).arrayBuffer())
  return Number(header.getBigUint64(0, true))
}

/** A block as it stands in a CAR. */
export function sectionOf({ cid, sizeBytes, data }: LocatedBlock): { pieces: BlobPart[]; sizeBytes: number } {
  const prefix = encodeSectionPrefix(cid, sizeBytes) as Uint8Array<ArrayBuffer>
  return { pieces: [prefix, data], sizeBytes: prefix.length + sizeBytes }
}

export function headerOf(root: CID): BlobPart {
  return encodeCarHeader([root]) as Uint8Array<ArrayBuffer>
}
