import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import * as dagPb from '@ipld/dag-pb'
import type { MultihashDigest } from 'multiformats'
import { CID } from 'multiformats/cid'
import { create } from 'multiformats/hashes/digest'
import { identity } from 'multiformats/hashes/identity'
import { sha256 } from 'multiformats/hashes/sha2'

export interface Block {
  cid: CID
  bytes: Uint8Array
}

type Hash = (bytes: Uint8Array) => MultihashDigest | Promise<MultihashDigest>

export async function blockOf(codec: number, bytes: Uint8Array, hash: Hash = (b) => sha256.digest(b)): Promise<Block> {
  return { cid: CID.createV1(codec, await hash(bytes)), bytes }
}

export const RAW = 0x55

export const raw = (bytes: Uint8Array | string, hash?: Hash) =>
  blockOf(RAW, typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes, hash)

export const cbor = (value: unknown, hash?: Hash) => blockOf(dagCbor.code, dagCbor.encode(value), hash)

export const json = (value: unknown) => blockOf(dagJson.code, dagJson.encode(value))

/** A UnixFS directory with one entry for each child; `sizeBytes` is what the link claims. */
export const directory = (children: { name: string; cid: CID; sizeBytes: number }[]) =>
  blockOf(
    dagPb.code,
    dagPb.encode({
      // UnixFS `Data { Type: Directory }`.
      Data: new Uint8Array([8, 1]),
      Links: children
        .toSorted((a, b) => (a.name < b.name ? -1 : 1))
        .map(({ name, cid, sizeBytes }) => ({ Name: name, Hash: cid, Tsize: sizeBytes })),
    }),
  )

export const identityCid = (codec: number, bytes: Uint8Array) => CID.createV1(codec, identity.digest(bytes))

/** A CID with a digest of somebody's choice. */
export const madeUpCid = (codec: number, hashCode: number, digest: Uint8Array) => CID.createV1(codec, create(hashCode, digest))

export function varint(n: number): Uint8Array {
  const bytes: number[] = []
  for (; n >= 0x80; n = Math.floor(n / 0x80)) bytes.push((n % 0x80) | 0x80)
  return new Uint8Array([...bytes, n])
}

export function concat(parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

/** A part of a CAR: its length, then the bytes. */
export const section = (...parts: Uint8Array[]) => concat([varint(parts.reduce((sum, part) => sum + part.length, 0)), ...parts])

export const carHeader = (roots: CID[] | undefined, version = 1) =>
  section(dagCbor.encode(roots ? { roots, version } : { version }))

/** A CARv1 exactly as told, right or wrong. */
export function car(roots: CID[], blocks: Block[]): Uint8Array<ArrayBuffer> {
  return concat([carHeader(roots), ...blocks.map(({ cid, bytes }) => section(cid.bytes, bytes))])
}

/** A CARv2 around a CARv1, without an index. Source: CARv2 specification, "Format description". */
export function carV2(inner: Uint8Array): Uint8Array<ArrayBuffer> {
  const pragma = new Uint8Array([0x0a, 0xa1, 0x67, 0x76, 0x65, 0x72, 0x73, 0x69, 0x6f, 0x6e, 0x02])
  const header = new DataView(new ArrayBuffer(40))
  header.setBigUint64(16, 51n, true)
  header.setBigUint64(24, BigInt(inner.length), true)
  return concat([pragma, new Uint8Array(header.buffer), inner])
}
