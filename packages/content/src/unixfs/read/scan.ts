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

/** Hands out the links of a dag-pb block in their order (DAG-PB specification, "Serial Format"). Throws `INVALID_BLOCK`. */
export function scanLinks(block: Uint8Array, onLink: (link: RawLink) => void): void {
  const reader = new FieldReader(block)
  while (!reader.done) {
    const key = reader.varint()
    if (key === LINKS) onLink(readLink(reader.bytes()))
    else if (key === DATA) reader.span()
    else throw broken('it has a field that is not known')
  }
}

/** The `Data` field of a dag-pb block: what UnixFS says about the node. Links are passed over. */
export function dagPbData(block: Uint8Array): Uint8Array | undefined {
  const reader = new FieldReader(block)
  let data: Uint8Array | undefined
  while (!reader.done) {
    const key = reader.varint()
    if (key === DATA) data = reader.bytes()
    else if (key === LINKS) reader.span()
    else throw broken('it has a field that is not known')
  }
  return data
}

/**
 * The first link whose name begins with `name`, or is `name` where `whole` says so. Makes no object for the links it passes over:
 * this is what a gateway does for every file in a directory.
 */
export function findDagPbLink(block: Uint8Array, name: Uint8Array, whole: boolean): RawLink | undefined {
  const fields = new FieldReader(block)
  const link = new FieldReader(block)
  while (!fields.done) {
    const key = fields.varint()
    if (key !== DATA && key !== LINKS) throw broken('it has a field that is not known')
    fields.span()
    if (key === DATA) continue
    const { spanStart, spanEnd } = fields
    link.restart(spanStart, spanEnd)
    while (!link.done) {
      const linkKey = link.varint()
      link.skip(linkKey)
      if (linkKey === LINK_NAME && isAt(block, link.spanStart, link.spanEnd, name, whole))
        return readLink(block.subarray(spanStart, spanEnd))
    }
  }
  return undefined
}

function isAt(bytes: Uint8Array, start: number, end: number, name: Uint8Array, whole: boolean): boolean {
  if (whole ? end - start !== name.length : end - start < name.length) return false
  for (let i = 0; i < name.length; i++) if (bytes[start + i] !== name[i]) return false
  return true
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
