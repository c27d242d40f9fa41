import type { CID } from 'multiformats/cid'

/** A part of a CBOR text that is still to be put together. */
export type Piece = Uint8Array | readonly Piece[]

function head(major: number, argument: number | bigint): Uint8Array {
  const value = BigInt(argument)
  const type = major << 5
  if (value < 24n) return Uint8Array.of(type | Number(value))
  const width = value < 0x100n ? 1 : value < 0x10000n ? 2 : value < 0x100000000n ? 4 : 8
  const bytes = new Uint8Array(1 + width)
  bytes[0] = type | (24 + Math.log2(width))
  for (let i = width, rest = value; i > 0; i--, rest >>= 8n) bytes[i] = Number(rest & 0xffn)
  return bytes
}

/** Any integer of 64 bits, as short as it goes. */
export function integer(value: number | bigint): Piece {
  return value < 0 ? head(1, -1n - BigInt(value)) : head(0, value)
}

export function byteString(bytes: Uint8Array): Piece {
  return [head(2, bytes.length), bytes]
}

/** A text from its bytes, which need not be UTF-8. */
export function text(bytes: Uint8Array): Piece {
  return [head(3, bytes.length), bytes]
}

export function tuple(...items: readonly Piece[]): Piece {
  return [head(4, items.length), items]
}

export function boolean(value: boolean): Piece {
  return Uint8Array.of(value ? 0xf5 : 0xf4)
}

export function nothing(): Piece {
  return Uint8Array.of(0xf6)
}

export function link(cid: CID): Piece {
  return [head(6, 42), head(2, cid.bytes.length + 1), Uint8Array.of(0), cid.bytes]
}

function isBytes(piece: Piece): piece is Uint8Array {
  return piece instanceof Uint8Array
}

function lengthOf(piece: Piece): number {
  return isBytes(piece) ? piece.length : piece.reduce((sum, part) => sum + lengthOf(part), 0)
}

/** Puts the parts together. */
export function encode(piece: Piece): Uint8Array {
  const bytes = new Uint8Array(lengthOf(piece))
  let at = 0
  const put = (part: Piece): void => {
    if (isBytes(part)) {
      bytes.set(part, at)
      at += part.length
    } else for (const inner of part) put(inner)
  }
  put(piece)
  return bytes
}
