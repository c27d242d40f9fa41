import { CID } from 'multiformats/cid'
import { ChainFormatError } from '../errors.ts'

/** Major types of CBOR (RFC 8949, section 3.1). */
const UNSIGNED = 0
const NEGATIVE = 1
const BYTES = 2
const TEXT = 3
const ARRAY = 4
const MAP = 5
const TAG = 6

const NULL = 0xf6
const FALSE = 0xf4
const TRUE = 0xf5
/** A CID as DAG-CBOR writes it: tag 42 over bytes with a zero in front. */
const CID_TAG = 42

/** Width in bytes of an item of which the first byte says all: long integers, simple values, floats. */
function fixedWidth(head: number): number | undefined {
  if (head === 0x1b || head === 0x3b || head === 0xfb) return 9
  if (head === NULL || head === TRUE || head === FALSE) return 1
  return { 249: 3, 250: 5 }[head]
}

/** Deeper than anything on the chain; what is skipped is read by recursion. */
const maxDepth = 64

/**
 * Reads CBOR in place, one item after the other. The chain's tuples are read field by field, so nothing is decoded that nobody asked for, and texts
 * come as bytes: labels of old deals are not valid UTF-8, and their signatures are over what they are.
 *
 * Every call throws `INVALID_CBOR` where the next item is another one, or the bytes end.
 */
export class CborReader {
  readonly bytes: Uint8Array
  #at: number

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes
    this.#at = at
  }

  /** Where the next item begins. */
  get position(): number {
    return this.#at
  }

  get isAtEnd(): boolean {
    return this.#at >= this.bytes.length
  }

  #fail(expected: string): never {
    const found = this.isAtEnd ? 'the end' : `byte 0x${(this.bytes[this.#at] as number).toString(16).padStart(2, '0')}`
    throw new ChainFormatError('INVALID_CBOR', `Expected ${expected} at byte ${this.#at}, found ${found}.`)
  }

  /** The argument of the next item's head, and steps over that. */
  #readArgument(major: number, expected: string): number {
    const head = this.bytes[this.#at]
    if (head === undefined || head >> 5 !== major) this.#fail(expected)
    const info = head & 0x1f
    if (info < 24) {
      this.#at += 1
      return info
    }
    if (info > 27) this.#fail(expected)
    return this.#readLongArgument(1 << (info - 24), expected)
  }

  #readLongArgument(width: number, expected: string): number {
    const end = this.#at + 1 + width
    if (end > this.bytes.length) this.#fail(`${width} more bytes of ${expected}`)
    let value = 0
    for (let i = this.#at + 1; i < end; i++) value = value * 256 + (this.bytes[i] as number)
    if (value > Number.MAX_SAFE_INTEGER) {
      throw new ChainFormatError('OUT_OF_RANGE', `The number at byte ${this.#at} is over 2^53 - 1.`)
    }
    this.#at = end
    return value
  }

  #take(length: number, what: string): Uint8Array {
    const end = this.#at + length
    if (end > this.bytes.length) this.#fail(`${length} bytes of ${what}`)
    const taken = this.bytes.subarray(this.#at, end)
    this.#at = end
    return taken
  }

  /** Number of items of the array that begins here. */
  readArray(): number {
    return this.#readArgument(ARRAY, 'an array')
  }

  /** @throws `UNKNOWN_LAYOUT` where the array that begins here has another length. */
  readTuple(length: number, name: string): void {
    const found = this.readArray()
    if (found !== length) {
      throw new ChainFormatError('UNKNOWN_LAYOUT', `${name} has ${length} fields, this has ${found}.`)
    }
  }

  /** Number of pairs of the map that begins here. */
  readMap(): number {
    return this.#readArgument(MAP, 'a map')
  }

  /** 0 to 2^53 - 1. @throws `OUT_OF_RANGE` over that */
  readUint(): number {
    return this.#readArgument(UNSIGNED, 'a number from 0')
  }

  /** -2^53 to 2^53 - 1. @throws `OUT_OF_RANGE` outside */
  readInt(): number {
    const head = this.bytes[this.#at]
    if (head !== undefined && head >> 5 === NEGATIVE) return -1 - this.#readArgument(NEGATIVE, 'a number')
    return this.#readArgument(UNSIGNED, 'a number')
  }

  /** Any unsigned 64-bit number. */
  readUint64(): bigint {
    const head = this.bytes[this.#at]
    if (head !== 0x1b) return BigInt(this.readUint())
    this.#at += 1
    let value = 0n
    for (const byte of this.#take(8, 'a number')) value = (value << 8n) | BigInt(byte)
    return value
  }

  /** A view, not a copy. */
  readBytes(): Uint8Array {
    return this.#take(this.#readArgument(BYTES, 'bytes'), 'bytes')
  }

  /** The bytes of a text, which need not be UTF-8. A view. */
  readText(): Uint8Array {
    return this.#take(this.#readArgument(TEXT, 'a text'), 'a text')
  }

  isText(): boolean {
    return (this.bytes[this.#at] ?? 0xff) >> 5 === TEXT
  }

  isArray(): boolean {
    return (this.bytes[this.#at] ?? 0xff) >> 5 === ARRAY
  }

  isMap(): boolean {
    return (this.bytes[this.#at] ?? 0xff) >> 5 === MAP
  }

  isLink(): boolean {
    return (this.bytes[this.#at] ?? 0xff) >> 5 === TAG
  }

  readBoolean(): boolean {
    const head = this.bytes[this.#at]
    if (head !== TRUE && head !== FALSE) this.#fail('true or false')
    this.#at += 1
    return head === TRUE
  }

  /** Steps over a null and says so; false, and nothing is read, where there is something else. */
  takeNull(): boolean {
    if (this.bytes[this.#at] !== NULL) return false
    this.#at += 1
    return true
  }

  readCid(): CID {
    if (this.#readArgument(TAG, 'a CID') !== CID_TAG) this.#fail('a CID')
    const bytes = this.readBytes()
    if (bytes[0] !== 0) throw new ChainFormatError('INVALID_CBOR', `The CID before byte ${this.#at} lacks its leading zero.`)
    try {
      return CID.decode(bytes.subarray(1))
    } catch (cause) {
      throw new ChainFormatError('INVALID_CBOR', `The bytes before byte ${this.#at} are no CID.`, { cause })
    }
  }

  /** Steps over the next item, whatever it is. */
  skip(depth = 0): void {
    if (depth > maxDepth) throw new ChainFormatError('INVALID_CBOR', `Nested more than ${maxDepth} levels deep.`)
    const head = this.bytes[this.#at]
    if (head === undefined) this.#fail('an item')
    const width = fixedWidth(head)
    if (width !== undefined) this.#take(width, 'a value')
    else this.#skipCompound(head >> 5, depth)
  }

  #skipCompound(major: number, depth: number): void {
    if (major > TAG) this.#fail('an item')
    const argument = this.#readArgument(major, 'an item')
    if (major === BYTES || major === TEXT) this.#take(argument, 'bytes')
    const items = major === ARRAY ? argument : major === MAP ? 2 * argument : major === TAG ? 1 : 0
    if (items > this.bytes.length - this.#at) this.#fail(`${items} items`)
    for (let i = 0; i < items; i++) this.skip(depth + 1)
  }

  /** The bytes of the next item, and steps over it. A view. */
  readRaw(): Uint8Array {
    const start = this.#at
    this.skip()
    return this.bytes.subarray(start, this.#at)
  }

  /** @throws `INVALID_CBOR` where something follows. */
  expectEnd(): void {
    if (!this.isAtEnd) this.#fail('the end')
  }
}

/** Reads all of `bytes` as one value. */
export function decodeAll<T>(bytes: Uint8Array, read: (reader: CborReader) => T): T {
  const reader = new CborReader(bytes)
  const value = read(reader)
  reader.expectEnd()
  return value
}

/** An array of any length. */
export function readList<T>(reader: CborReader, readItem: (reader: CborReader) => T): T[] {
  const length = reader.readArray()
  const items: T[] = []
  // Each item has a byte at least, so a length that is a lie ends with the bytes.
  for (let i = 0; i < length; i++) items.push(readItem(reader))
  return items
}
