import * as dagCbor from '@ipld/dag-cbor'
import { varint } from 'multiformats'
import type { CID } from 'multiformats/cid'
import { CAR, cidFromSha256 } from '../hash/cid.ts'

/** The header section of a CARv1: the start of every CAR file. (CARv1 specification, "Header".) */
export function encodeCarHeader(roots: readonly CID[]): Uint8Array {
  const header = dagCbor.encode({ roots, version: 1 })
  const section = new Uint8Array(varint.encodingLength(header.length) + header.length)
  varint.encodeTo(header.length, section)
  section.set(header, section.length - header.length)
  return section
}

/** What stands in front of a block's bytes in a CARv1: the length of the section, then the CID. */
export function encodeSectionPrefix(cid: CID, blockBytes: number): Uint8Array {
  const sectionBytes = cid.bytes.length + blockBytes
  const prefix = new Uint8Array(varint.encodingLength(sectionBytes) + cid.bytes.length)
  varint.encodeTo(sectionBytes, prefix)
  prefix.set(cid.bytes, prefix.length - cid.bytes.length)
  return prefix
}

/** Names a CAR file by the sha2-256 of its bytes. */
export function carCid(digest: Uint8Array): CID {
  return cidFromSha256(CAR, digest)
}
