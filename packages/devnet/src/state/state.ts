import { decodeInitState } from '@keepsake/filecoin/actors/init.ts'
import { loadCodeNames } from '@keepsake/filecoin/actors/system.ts'
import {
  type Address,
  addressBytes,
  decodeAddress,
  encodeAddress,
  formatAddress,
  idAddress,
  idOf,
  readAddress,
} from '@keepsake/filecoin/address.ts'
import { type GetBlock, type PutBlock, requireBlock } from '@keepsake/filecoin/blocks.ts'
import { decodeAll } from '@keepsake/filecoin/cbor/reader.ts'
import { encode, integer, link, text, tuple } from '@keepsake/filecoin/cbor/writer.ts'
import { hamtEntries } from '@keepsake/filecoin/hamt.ts'
import { buildHamt } from '@keepsake/filecoin/hamt-build.ts'
import { actorEntries, buildStateTree, decodeActor } from '@keepsake/filecoin/state-tree.ts'
import type { CID } from 'multiformats/cid'
import { idOfBytes } from './keys.ts'
import type { ActorCodes, ActorKind } from './manifest.ts'
import { loadMarket, type MarketActor, saveMarket } from './market.ts'
import { loadMiner, type MinerActor, saveMiner } from './miner.ts'

/** Numbers of actors of which there is one. */
export const SYSTEM = 0
export const INIT = 1
export const MARKET = 5

/** What the state tree itself has of an actor. */
export interface ActorEntry {
  kind: ActorKind
  nonce: number
  /** attoFIL. */
  balance: bigint
  /** What its state was last written as; undefined since it changed. */
  head: CID | undefined
}

/** The state of the network after some tipset, in memory. */
export interface ChainState {
  networkName: string
  codes: ActorCodes
  actors: Map<number, ActorEntry>
  /** Numbers of actors by the text of their other address. */
  ids: Map<string, { address: Address; id: number }>
  nextId: number
  market: MarketActor
  miners: Map<number, MinerActor>
  /** Keys of accounts. */
  accounts: Map<number, Address>
}

/** The number of the actor behind any address; undefined where there is none. */
export function findId({ ids, actors }: ChainState, address: Address): number | undefined {
  const id = idOf(address) ?? ids.get(formatAddress(address))?.id
  return id !== undefined && actors.has(id) ? id : undefined
}

/** Makes an account for a key that the chain sees for the first time. */
export function addAccount(state: ChainState, key: Address): number {
  const id = state.nextId++
  state.ids.set(formatAddress(key), { address: key, id })
  state.accounts.set(id, key)
  state.actors.set(id, { kind: 'account', nonce: 0, balance: 0n, head: undefined })
  state.actors.get(INIT)!.head = undefined
  return id
}

/** Says that the state of an actor is another than was written. */
export function touch(state: ChainState, id: number): void {
  state.actors.get(id)!.head = undefined
}

function saveActor(put: PutBlock, state: ChainState, id: number): CID {
  if (id === INIT) return saveInit(put, state)
  if (id === MARKET) return saveMarket(put, state.market)
  const miner = state.miners.get(id)
  if (miner) return saveMiner(put, miner)
  return put(encode(tuple(addressBytes(state.accounts.get(id)!))))
}

function saveInit(put: PutBlock, { ids, nextId, networkName }: ChainState): CID {
  const entries = Array.from(ids.values(), ({ address, id }) => ({ key: encodeAddress(address), value: encode(integer(id)) }))
  const map = buildHamt(put, entries)
  return put(encode(tuple(link(map), integer(nextId), text(new TextEncoder().encode(networkName)))))
}

/** Writes what changed. @returns the root of the state tree */
export function saveState(put: PutBlock, state: ChainState): CID {
  const actors = Array.from(state.actors, ([id, entry]) => {
    entry.head ??= saveActor(put, state, id)
    const { kind, nonce, balance, head } = entry
    return { id: idAddress(id), actor: { code: state.codes[kind], head, nonce, balance, delegatedAddress: null } }
  })
  return buildStateTree(put, actors)
}

/** Reads a state back, as after a restart and before a reorganisation. */
export async function loadState(get: GetBlock, root: CID, slashedKeptEpochs: number): Promise<ChainState> {
  const entries = await Array.fromAsync(actorEntries(get, root))
  const found = new Map(entries.map(({ key, value }) => [idOfBytes(key), decodeActor(value)]))
  const names = await loadCodeNames(get, found.get(SYSTEM)!.head)
  const codes = Object.fromEntries([...found.values()].map(({ code }) => [names.get(code.toString())!, code])) as ActorCodes
  const initHead = found.get(INIT)!.head
  const { addressMap, nextId, networkName } = decodeInitState(requireBlock(initHead, await get(initHead)))
  const state: ChainState = {
    networkName,
    codes,
    actors: new Map(),
    ids: new Map(),
    nextId,
    market: await loadMarket(get, found.get(MARKET)!.head, slashedKeptEpochs),
    miners: new Map(),
    accounts: new Map(),
  }
  for await (const { key, value } of hamtEntries(get, addressMap)) {
    const address = decodeAddress(key)
    state.ids.set(formatAddress(address), { address, id: decodeAll(value, (reader) => reader.readUint()) })
  }
  for (const [id, { code, head, nonce, balance }] of found) {
    const kind = names.get(code.toString()) as ActorKind
    state.actors.set(id, { kind, nonce, balance, head })
    if (kind === 'storageminer') state.miners.set(id, await loadMiner(get, head))
    if (kind === 'account') state.accounts.set(id, await loadAccount(get, head))
  }
  return state
}

async function loadAccount(get: GetBlock, head: CID): Promise<Address> {
  return decodeAll(requireBlock(head, await get(head)), (reader) => {
    reader.readTuple(1, 'The state of an account')
    return readAddress(reader)
  })
}
