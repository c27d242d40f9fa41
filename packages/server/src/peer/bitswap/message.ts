import { CID } from 'multiformats/cid'
import { Uint8ArrayList } from 'uint8arraylist'

// The messages of Bitswap 1.2.0, as protobuf. Source: IPFS specifications, "Bitswap", sections "Bitswap 1.1.0" and "1.2.0: Wire Format".

export const bitswapProtocol = '/ipfs/bitswap/1.2.0'

/** What a peer asks for, or no longer asks for. */
export interface WantEntry {
  cid: CID
  /** The block itself; else only whether it is there. */
  wantsBlock: boolean
  cancel: boolean
  /** Wants to be told where the block is not there. */
  sendDontHave: boolean
}

/** A block as it comes: not checked, and named only by how to hash it. */
export interface IncomingBlock {
  version: number
  codec: number
  hashCode: number
  digestBytes: number
  bytes: Uint8Array
}

export interface Presence {
  cid: CID
  has: boolean
}

export interface IncomingMessage {
  wants: WantEntry[]
  /** The wants are all there are: earlier ones are void. */
  isFull: boolean
  blocks: IncomingBlock[]
  presences: Presence[]
}

/** Bytes that are no message; whoever sends such is not to be listened to. */
export class BadMessageError extends Error {
  override readonly name = 'BadMessageError'
}

/** Nobody may send more entries in a message; Kubo asks for at most 1,024 blocks at a time, and cancels as many. */
const maxEntries = 8192
/** Longest CID taken; those of 512-bit hashes have some 70 bytes, identity CIDs up to 140. */
const maxCidBytes = 160

class Reader {
  readonly bytes: Uint8Array
  at: number
  readonly end: number

  constructor(bytes: Uint8Array, at = 0, end = bytes.length) {
    this.bytes = bytes
    this.at = at
    this.end = end
  }

  get isAtEnd(): boolean {
    return this.at >= this.end
  }

  varint(): number {
    let value = 0
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.at >= this.end) throw new BadMessageError('a message that ends within a number')
      const byte = this.bytes[this.at++] as number
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    throw new BadMessageError('a number without end')
  }

  /** A length-delimited field, as a view. */
  field(): Reader {
    const length = this.varint()
    if (length > this.end - this.at) throw new BadMessageError('a field that is longer than its message')
    const inner = new Reader(this.bytes, this.at, this.at + length)
    this.at += length
    return inner
  }

  view(): Uint8Array {
    const { at, end } = this.field()
    return this.bytes.subarray(at, end)
  }

  skip(wireType: number): void {
    if (wireType === 0) this.varint()
    else if (wireType === 2) this.field()
    else if (wireType === 1) this.at += 8
    else if (wireType === 5) this.at += 4
    else throw new BadMessageError(`a field of wire type ${wireType}`)
    if (this.at > this.end) throw new BadMessageError('a field that is longer than its message')
  }
}

/** @throws BadMessageError */
export function decodeMessage(bytes: Uint8Array): IncomingMessage {
  const message: IncomingMessage = { wants: [], isFull: false, blocks: [], presences: [] }
  const reader = new Reader(bytes)
  while (!reader.isAtEnd) {
    const tag = reader.varint()
    if (tag === 0x0a) readWants(reader.field(), message)
    else if (tag === 0x1a) message.blocks.push(readBlock(reader.field()))
    else if (tag === 0x22) message.presences.push(readPresence(reader.field()))
    else reader.skip(tag & 7)
    if (message.presences.length > maxEntries || message.blocks.length > maxEntries) throw new BadMessageError('too many entries')
  }
  return message
}

function readWants(reader: Reader, message: IncomingMessage): void {
  while (!reader.isAtEnd) {
    const tag = reader.varint()
    if (tag === 0x0a) message.wants.push(readWant(reader.field()))
    else if (tag === 0x10) message.isFull = reader.varint() !== 0
    else reader.skip(tag & 7)
    if (message.wants.length > maxEntries) throw new BadMessageError('too many entries')
  }
}

function readWant(reader: Reader): WantEntry {
  let cid: CID | undefined
  const entry = { wantsBlock: true, cancel: false, sendDontHave: false }
  while (!reader.isAtEnd) {
    const tag = reader.varint()
    if (tag === 0x0a) cid = readCid(reader.view())
    else if (tag === 0x18) entry.cancel = reader.varint() !== 0
    else if (tag === 0x20) entry.wantsBlock = reader.varint() === 0
    else if (tag === 0x28) entry.sendDontHave = reader.varint() !== 0
    else reader.skip(tag & 7)
  }
  if (!cid) throw new BadMessageError('a want without a CID')
  return { cid, ...entry }
}

function readPresence(reader: Reader): Presence {
  let cid: CID | undefined
  let has = true
  while (!reader.isAtEnd) {
    const tag = reader.varint()
    if (tag === 0x0a) cid = readCid(reader.view())
    else if (tag === 0x10) has = reader.varint() === 0
    else reader.skip(tag & 7)
  }
  if (!cid) throw new BadMessageError('a presence without a CID')
  return { cid, has }
}

function readBlock(reader: Reader): IncomingBlock {
  let prefix: Uint8Array | undefined
  let bytes = new Uint8Array(0)
  while (!reader.isAtEnd) {
    const tag = reader.varint()
    if (tag === 0x0a) prefix = reader.view()
    else if (tag === 0x12) bytes = reader.view() as Uint8Array<ArrayBuffer>
    else reader.skip(tag & 7)
  }
  if (!prefix) throw new BadMessageError('a block without a prefix')
  const parts = new Reader(prefix)
  return { version: parts.varint(), codec: parts.varint(), hashCode: parts.varint(), digestBytes: parts.varint(), bytes }
}

function readCid(bytes: Uint8Array): CID {
  if (bytes.length > maxCidBytes) throw new BadMessageError(`a CID of ${bytes.length} bytes`)
  try {
    // The message it was cut from is not to be kept for it.
    return CID.decode(bytes.slice())
  } catch (error) {
    throw new BadMessageError('a want for what is no CID', { cause: error })
  }
}

/** What we send, in the order of the fields. */
export interface OutgoingMessage {
  wants?: readonly WantEntry[]
  presences?: readonly Presence[]
  blocks?: readonly { cid: CID; bytes: Uint8Array }[]
}

/** A message with its length before it, ready for the stream. The bytes of blocks are not copied. */
export function encodeMessage({ wants = [], presences = [], blocks = [] }: OutgoingMessage): Uint8ArrayList {
  const list = new Uint8ArrayList()
  let head: number[] = []
  const flush = () => {
    if (head.length > 0) list.append(Uint8Array.from(head))
    head = []
  }
  if (wants.length > 0) pushField(head, 0x0a, wants.flatMap(encodeWant))
  else if (blocks.length === 0 && presences.length === 0) pushField(head, 0x0a, [])
  for (const { cid, bytes } of blocks) {
    const prefix = prefixOf(cid)
    const inner: number[] = []
    pushField(inner, 0x0a, prefix)
    inner.push(0x12)
    pushVarint(inner, bytes.length)
    head.push(0x1a)
    pushVarint(head, inner.length + bytes.length)
    for (const byte of inner) head.push(byte)
    flush()
    list.append(bytes)
  }
  for (const { cid, has } of presences) {
    const inner: number[] = []
    pushField(inner, 0x0a, cid.bytes)
    inner.push(0x10, has ? 0 : 1)
    pushField(head, 0x22, inner)
  }
  flush()
  const length: number[] = []
  pushVarint(length, list.byteLength)
  list.prepend(Uint8Array.from(length))
  return list
}

function encodeWant({ cid, wantsBlock, cancel, sendDontHave }: WantEntry): number[] {
  const inner: number[] = []
  pushField(inner, 0x0a, cid.bytes)
  inner.push(0x10, 1)
  if (cancel) inner.push(0x18, 1)
  if (!wantsBlock) inner.push(0x20, 1)
  if (sendDontHave) inner.push(0x28, 1)
  const entry: number[] = []
  pushField(entry, 0x0a, inner)
  return entry
}

function prefixOf(cid: CID): number[] {
  const prefix: number[] = []
  for (const n of [cid.version, cid.code, cid.multihash.code, cid.multihash.size]) pushVarint(prefix, n)
  return prefix
}

function pushField(into: number[], tag: number, bytes: ArrayLike<number> & Iterable<number>): void {
  into.push(tag)
  pushVarint(into, bytes.length)
  for (const byte of bytes) into.push(byte)
}

function pushVarint(into: number[], n: number): void {
  let left = n
  for (; left >= 0x80; left = Math.floor(left / 0x80)) into.push((left % 0x80) | 0x80)
  into.push(left)
}
