import { ContentError } from '../../errors.ts'
import { FieldReader } from './protobuf.ts'

/** A link as it lies in a dag-pb block: views into the block, nothing copied. */
export interface RawLink {
  /** Bytes of the CID. */
  hash: Uint8Array
  /** UTF-8. */
  name: Uint8Array
  /** Cumulative size of what is linked, in bytes, as the writer claims. */
  tsize: number
}

const empty = new Uint8Array(0)

function broken(what: string): ContentError {
  return new ContentError('INVALID_BLOCK', `A dag-pb block does not decode: ${what}.`)
}

const LINKS = (2 << 3) | 2
const DATA = (1 << 3) | 2
const LINK_HASH = (1 << 3) | 2
const LINK_NAME = (2 << 3) | 2
const LINK_TSIZE = 3 << 3

function readLink(bytes: Uint8Array): RawLink {
  const reader = new FieldReader(bytes)
  const link: RawLink = { hash: empty, name: empty, tsize: 0 }
  while (!reader.done) {
    const key = reader.varint()
    if (key === LINK_HASH) link.hash = reader.bytes()
    else if (key === LINK_NAME) link.name = reader.bytes()
    else if (key === LINK_TSIZE) link.tsize = reader.varint()
    else throw broken('a link has a field that is not known')
  }
  return link
}

/**
 * Goes over a dag-pb block (DAG-PB specification, "Serial Format") without building objects for what is not asked for: looking up
 * one name in a directory of thousands is the commonest thing a gateway does. Links come in the order of the block; returning
 * `true` from `onLink` ends the scan early, and then `data` may be missing.
 */
export function scanDagPb(block: Uint8Array, onLink: (link: RawLink) => boolean | undefined): { data: Uint8Array | undefined } {
  const reader = new FieldReader(block)
  let data: Uint8Array | undefined
  while (!reader.done) {
    const key = reader.varint()
    if (key === DATA) data = reader.bytes()
    else if (key !== LINKS) throw broken('it has a field that is not known')
    else if (onLink(readLink(reader.bytes()))) break
  }
  return { data }
}

/** The `Data` field of a dag-pb block: what UnixFS says about the node. Links are passed over. */
export function dagPbData(block: Uint8Array): Uint8Array | undefined {
  const reader = new FieldReader(block)
  let data: Uint8Array | undefined
  while (!reader.done) {
    const key = reader.varint()
    const field = key === DATA || key === LINKS ? reader.bytes() : undefined
    if (field === undefined) throw broken('it has a field that is not known')
    if (key === DATA) data = field
  }
  return data
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
