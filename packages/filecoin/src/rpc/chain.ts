import type { CID } from 'multiformats/cid'
import type { GetBlock } from '../blocks.ts'
import { BLAKE2B_256, chainCid } from '../cid.ts'
import type { CallOptions, Rpc } from './client.ts'
import { RpcError } from './errors.ts'
import { bytes, cidJson } from './json.ts'
import { isSameKey, type TipSet, tipSet, tipSetKey } from './tip-set.ts'

/**
 * Calls, and takes the answer for what it should be. A node that answers something else is passed over for the next.
 *
 * @throws RpcError `UNTRUE` where no node answers what was asked for; as `Rpc.call`
 */
export async function callFor<T>(
  rpc: Rpc,
  method: string,
  params: readonly unknown[],
  read: (value: unknown) => T,
  options?: CallOptions,
): Promise<T> {
  for (let tried = 1; ; tried++) {
    const answer = await rpc.call(method, params, options)
    try {
      return read(answer)
    } catch (cause) {
      rpc.passOver()
      if (tried < rpc.endpointCount) continue
      throw new RpcError('UNTRUE', method, `the node answered something else: ${(cause as Error).message}`, { cause })
    }
  }
}

export async function chainHead(rpc: Rpc, options?: CallOptions): Promise<TipSet> {
  return await callFor(rpc, 'ChainHead', [], tipSet, options)
}

/** The first block, alone in its tipset. */
export async function chainGenesis(rpc: Rpc, options?: CallOptions): Promise<TipSet> {
  const read = (value: unknown): TipSet => {
    const found = tipSet(value)
    if (found.height !== 0) throw new TypeError(`a tipset of epoch ${found.height} instead of the first`)
    return found
  }
  return await callFor(rpc, 'ChainGetGenesis', [], read, options)
}

/** @throws RpcError `UNTRUE` where the node gives another tipset than that of the key */
export async function getTipSet(rpc: Rpc, key: readonly CID[], options?: CallOptions): Promise<TipSet> {
  const read = (value: unknown): TipSet => {
    const found = tipSet(value)
    if (!isSameKey(found.cids, key)) throw new TypeError(`tipset ${found.cids.join(', ')} instead of ${key.join(', ')}`)
    return found
  }
  return await callFor(rpc, 'ChainGetTipSet', [tipSetKey(key)], read, options)
}

/** The tipset of an epoch on the chain below `from`; where that epoch had none, the last one before it. */
export async function tipSetByHeight(rpc: Rpc, height: number, from?: readonly CID[], options?: CallOptions): Promise<TipSet> {
  const read = (value: unknown): TipSet => {
    const found = tipSet(value)
    if (found.height > height) throw new TypeError(`a tipset of epoch ${found.height} instead of ${height}`)
    return found
  }
  return await callFor(rpc, 'ChainGetTipSetByHeight', [height, tipSetKey(from)], read, options)
}

/** Where tipsets come from, by their keys. */
export type GetTipSet = (key: readonly CID[]) => Promise<TipSet>

/** A node as where tipsets come from. @throws as `getTipSet` */
export function tipSetsOf(rpc: Rpc, options?: CallOptions): GetTipSet {
  return (key) => getTipSet(rpc, key, options)
}

/**
 * A block of the chain, checked against its CID.
 *
 * @throws RpcError `UNTRUE` where the node gives other bytes; `REFUSED` where it has none
 */
export async function readObject(rpc: Rpc, cid: CID, options?: CallOptions): Promise<Uint8Array> {
  return await callFor(rpc, 'ChainReadObj', [cidJson(cid)], (value) => checked(cid, bytes(value)), options)
}

function checked(cid: CID, found: Uint8Array): Uint8Array {
  // An identity CID is its own content.
  if (cid.multihash.code === 0) return cid.multihash.digest
  if (cid.multihash.code !== BLAKE2B_256) throw new TypeError(`${cid} has a hash that the chain does not use`)
  if (!chainCid(found, cid.code).equals(cid)) throw new TypeError(`the bytes given for ${cid} have another hash`)
  return found
}

/** A node as where blocks come from; a block the node says it does not have is undefined. */
export function blocksOf(rpc: Rpc, options?: CallOptions): GetBlock {
  return async (cid) => {
    try {
      return await readObject(rpc, cid, options)
    } catch (error) {
      if (error instanceof RpcError && error.code === 'REFUSED') return undefined
      throw error
    }
  }
}
