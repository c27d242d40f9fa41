import type { CID } from 'multiformats/cid'
import { type Address, addressBytes, encodeAddress, readAddress } from './address.ts'
import { bigInt, readBigInt } from './big-int.ts'
import { type GetBlock, type PutBlock, requireBlock } from './blocks.ts'
import { CborReader, decodeAll } from './cbor/reader.ts'
import { encode, integer, link, nothing, tuple } from './cbor/writer.ts'
import { ChainFormatError } from './errors.ts'
import { findInHamt, type HamtEntry, hamtEntries, type WalkOptions } from './hamt.ts'
import { buildHamt } from './hamt-build.ts'

/** What the state tree says of an actor. */
export interface Actor {
  code: CID
  /** Root of its own state. */
  head: CID
  nonce: number
  /** attoFIL. */
  balance: bigint
  /** Since state version 5: its f4 address, or null. Before, there was no such field. */
  delegatedAddress?: Address | null
}

interface StateRoot {
  /** 0 (no version written, actors v1) to 5. */
  version: number
  actors: CID
}

/** A root with a version is [version, actors, info]; before, the root was the map of actors itself, whose node has two fields. */
function decodeStateRoot(root: CID, bytes: Uint8Array): StateRoot {
  const reader = new CborReader(bytes)
  if (reader.readArray() === 2) return { version: 0, actors: root }
  const version = reader.readUint()
  if (version < 1 || version > 5) throw new ChainFormatError('UNKNOWN_LAYOUT', `A state tree of version ${version}.`)
  return { version, actors: reader.readCid() }
}

/** @throws ChainFormatError `BLOCK_NOT_FOUND`, `UNKNOWN_LAYOUT` */
export async function getStateRoot(get: GetBlock, root: CID): Promise<StateRoot> {
  return decodeStateRoot(root, requireBlock(root, await get(root)))
}

export function decodeActor(bytes: Uint8Array): Actor {
  return decodeAll(bytes, (reader) => {
    const fields = reader.readArray()
    if (fields !== 4 && fields !== 5)
      throw new ChainFormatError('UNKNOWN_LAYOUT', `An actor has 4 or 5 fields, this has ${fields}.`)
    const actor = { code: reader.readCid(), head: reader.readCid(), nonce: reader.readUint(), balance: readBigInt(reader) }
    return fields === 4 ? actor : { ...actor, delegatedAddress: reader.takeNull() ? null : readAddress(reader) }
  })
}

export function encodeActor({ code, head, nonce, balance, delegatedAddress }: Actor): Uint8Array {
  const delegated = delegatedAddress === undefined ? [] : [delegatedAddress === null ? nothing() : addressBytes(delegatedAddress)]
  return encode(tuple(link(code), link(head), integer(nonce), bigInt(balance), ...delegated))
}

/**
 * The actor at an f0 address; undefined where there is none. Other addresses are first looked up in the init actor (`actors/init.ts`).
 *
 * @throws ChainFormatError `BLOCK_NOT_FOUND`, `UNKNOWN_LAYOUT`, `INVALID_NODE`
 */
export async function findActor(get: GetBlock, root: CID, id: Address): Promise<Actor | undefined> {
  const { actors } = await getStateRoot(get, root)
  const value = await findInHamt(get, actors, encodeAddress(id))
  return value && decodeActor(value)
}

/** Every actor with the bytes of its f0 address as key. */
export async function* actorEntries(get: GetBlock, root: CID, options?: WalkOptions): AsyncGenerator<HamtEntry> {
  const { actors } = await getStateRoot(get, root)
  yield* hamtEntries(get, actors, options)
}

/** Writes a state tree of version 5. `info` is the (empty) object that stands behind the actors. */
export function buildStateTree(put: PutBlock, actors: Iterable<{ id: Address; actor: Actor }>): CID {
  const entries = Array.from(actors, ({ id, actor }) => ({ key: encodeAddress(id), value: encodeActor(actor) }))
  const info = put(encode(tuple()))
  return put(encode(tuple(integer(5), link(buildHamt(put, entries)), link(info))))
}
