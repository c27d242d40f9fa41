import type { CID } from 'multiformats/cid'
import { type GetBlock, requireBlock } from './blocks.ts'
import { CborReader } from './cbor/reader.ts'
import { ChainFormatError } from './errors.ts'

/** Of arrays before actors v3, which do not say how wide they are. */
const oldBitWidth = 3
const maxBitWidth = 18
/** Wide enough for 64 bits at the smallest width there is. */
const maxHeight = 64

/** What the root of an array says, and its top node. */
export interface AmtRoot {
  bitWidth: number
  height: number
  count: number
  node: AmtNode
}

export interface AmtNode {
  /** Least significant bit of each byte first. */
  bitmap: Uint8Array
  links: CID[]
  /** Each value's CBOR. Views. */
  values: Uint8Array[]
}

export interface AmtEntry {
  index: number
  /** The value's CBOR. A view. */
  value: Uint8Array
}

export interface AmtOptions {
  /** Told the CID of a node that is not there, and the indexes it is for; it is then passed over. Without it that is an error. */
  onMissing?: (cid: CID, first: number, length: number) => void
}

function bad(what: string): ChainFormatError {
  return new ChainFormatError('INVALID_NODE', what)
}

function readNode(reader: CborReader, bitWidth: number): AmtNode {
  reader.readTuple(3, 'A node of an AMT')
  const bitmap = reader.readBytes()
  const links: CID[] = []
  for (let left = reader.readArray(); left > 0; left--) links.push(reader.readCid())
  const values: Uint8Array[] = []
  for (let left = reader.readArray(); left > 0; left--) values.push(reader.readRaw())
  const width = 2 ** bitWidth
  if (bitmap.length !== Math.max(1, width / 8))
    throw bad(`A node of an AMT of width ${width} with a bit map of ${bitmap.length} bytes.`)
  if (links.length > 0 && values.length > 0) throw bad('A node of an AMT with links and values.')
  let bits = 0
  for (const byte of bitmap) for (let rest = byte; rest; rest &= rest - 1) bits++
  if (bits !== links.length + values.length)
    throw bad(`A node of an AMT with ${bits} bits and ${links.length + values.length} items.`)
  return { bitmap, links, values }
}

export function readAmtRoot(bytes: Uint8Array): AmtRoot {
  const reader = new CborReader(bytes)
  const fields = reader.readArray()
  if (fields !== 3 && fields !== 4)
    throw new ChainFormatError('UNKNOWN_LAYOUT', `The root of an AMT has 3 or 4 fields, this has ${fields}.`)
  const bitWidth = fields === 4 ? reader.readUint() : oldBitWidth
  if (bitWidth < 1 || bitWidth > maxBitWidth) throw bad(`An AMT of bit width ${bitWidth}.`)
  const height = reader.readUint()
  if (height > maxHeight) throw bad(`An AMT of height ${height}.`)
  const count = reader.readUint()
  const node = readNode(reader, bitWidth)
  reader.expectEnd()
  return { bitWidth, height, count, node }
}

export function decodeAmtNode(bytes: Uint8Array, bitWidth: number): AmtNode {
  const reader = new CborReader(bytes)
  const node = readNode(reader, bitWidth)
  reader.expectEnd()
  return node
}

/** Which places of a node are taken, in order. */
export function* placesOf({ bitmap }: AmtNode, bitWidth: number): Generator<number> {
  const width = 2 ** bitWidth
  for (let place = 0; place < width; place++) if (((bitmap[place >> 3] as number) >> (place & 7)) & 1) yield place
}

export function checkLevel(node: AmtNode, height: number): void {
  if (height > 0 && node.values.length > 0) throw bad('An inner node of an AMT with values.')
  if (height === 0 && node.links.length > 0) throw bad('A leaf of an AMT with links.')
}

/** How many values the array says it has. */
export async function amtCount(get: GetBlock, root: CID): Promise<number> {
  return readAmtRoot(requireBlock(root, await get(root))).count
}

/**
 * The value at an index, as CBOR; undefined where there is none.
 *
 * @throws ChainFormatError `BLOCK_NOT_FOUND` for a node that is not there, `INVALID_NODE`, `INVALID_CBOR`
 */
export async function findInAmt(get: GetBlock, root: CID, index: number): Promise<Uint8Array | undefined> {
  const { bitWidth, height, node: top } = readAmtRoot(requireBlock(root, await get(root)))
  const width = 2 ** bitWidth
  if (index < 0 || index >= width ** (height + 1)) return undefined
  let node = top
  for (let level = height; ; level--) {
    checkLevel(node, level)
    const wanted = Math.floor(index / width ** level) % width
    const at = [...placesOf(node, bitWidth)].indexOf(wanted)
    if (at < 0) return undefined
    if (level === 0) return node.values[at]
    const cid = node.links[at] as CID
    node = decodeAmtNode(requireBlock(cid, await get(cid)), bitWidth)
  }
}

/** Every value with its index, in order. @throws as `findInAmt` */
export async function* amtEntries(get: GetBlock, root: CID, options: AmtOptions = {}): AsyncGenerator<AmtEntry> {
  const { bitWidth, height, node } = readAmtRoot(requireBlock(root, await get(root)))
  for await (const leaf of leaves(get, { node, bitWidth, height, first: 0 }, options)) yield* leaf
}

/** The same by leaf: a wide array has thousands of values, and a promise for each would cost more than reading it. */
export async function* amtLeaves(get: GetBlock, root: CID, options: AmtOptions = {}): AsyncGenerator<AmtEntry[]> {
  const { bitWidth, height, node } = readAmtRoot(requireBlock(root, await get(root)))
  yield* leaves(get, { node, bitWidth, height, first: 0 }, options)
}

interface Subtree {
  node: AmtNode
  bitWidth: number
  height: number
  /** Index of its first place. */
  first: number
}

async function* leaves(get: GetBlock, subtree: Subtree, options: AmtOptions): AsyncGenerator<AmtEntry[]> {
  const { node, bitWidth, height, first } = subtree
  checkLevel(node, height)
  const places = [...placesOf(node, bitWidth)]
  if (height === 0) {
    if (places.length > 0) yield places.map((place, at) => ({ index: first + place, value: node.values[at] as Uint8Array }))
    return
  }
  const span = 2 ** (bitWidth * height)
  for (const [at, place] of places.entries()) {
    const cid = node.links[at] as CID
    const found = get(cid)
    const bytes = found instanceof Promise ? await found : found
    if (bytes === undefined && options.onMissing) options.onMissing(cid, first + place * span, span)
    else {
      const child = decodeAmtNode(requireBlock(cid, bytes), bitWidth)
      yield* leaves(get, { node: child, bitWidth, height: height - 1, first: first + place * span }, options)
    }
  }
}
