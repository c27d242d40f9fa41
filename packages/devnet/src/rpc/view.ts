import { decodeInitState, type InitState, resolveAddress } from '@keepsake/filecoin/actors/init.ts'
import { decodeMarketState, type MarketState } from '@keepsake/filecoin/actors/market.ts'
import { decodeMinerState, type MinerState } from '@keepsake/filecoin/actors/miner.ts'
import { loadCodeNames } from '@keepsake/filecoin/actors/system.ts'
import { type Address, formatAddress, idAddress, idOf, parseAddress } from '@keepsake/filecoin/address.ts'
import { type BlockHeader, decodeBlockHeader } from '@keepsake/filecoin/block-header.ts'
import { requireBlock } from '@keepsake/filecoin/blocks.ts'
import { cid as cidOfJson, list, string } from '@keepsake/filecoin/rpc/json.ts'
import { type Actor, findActor } from '@keepsake/filecoin/state-tree.ts'
import type { CID } from 'multiformats/cid'
import type { Chain } from '../chain/chain.ts'
import type { ChainIndex, TipSetRow } from '../store/chain-index.ts'
import { LotusError, rpcCode } from './errors.ts'

/** What the methods answer from: blocks of the chain, read as any reader of Filecoin reads them. */
export interface NodeView {
  chain: Chain
  index: ChainIndex
}

export interface TipSetView {
  cid: CID
  header: BlockHeader
}

/** The tipset that a call names; the head where it names none. @throws LotusError */
export function tipSetOf({ chain }: NodeView, key: unknown): TipSetView {
  const cids = list(key).map(cidOfJson)
  if (cids.length === 0) return { cid: chain.head.block, header: chain.header(chain.head.block) }
  if (cids.length > 1) throw new LotusError('loading tipset: every tipset of this network has one block')
  return blockOf({ chain }, cids[0]!)
}

export function blockOf({ chain }: Pick<NodeView, 'chain'>, cid: CID): TipSetView {
  const bytes = chain.get(cid)
  if (!bytes) throw new LotusError(`get block ${cid}: ipld: could not find ${cid}`)
  return { cid, header: decodeBlockHeader(bytes) }
}

/** The tipset of an epoch in the past of `from`, or the last before it. */
export function tipSetAt(view: NodeView, height: number, from: TipSetView): TipSetView {
  if (height > from.header.height) throw new LotusError('looking for tipset with height greater than start point')
  let at = from
  while (at.header.height > height) {
    const known = view.index.find(at.cid)
    // On the chain that counts the rest of the way is known.
    if (known) return viewOf(view, view.index.atOrBefore(height)!)
    at = blockOf(view, at.header.parents[0]!)
  }
  return at
}

export function viewOf({ chain }: NodeView, row: TipSetRow): TipSetView {
  return { cid: row.block, header: chain.header(row.block) }
}

/** @throws LotusError `actorNotFound` */
export async function actorAt({ chain }: NodeView, { header }: TipSetView, id: Address): Promise<Actor> {
  const actor = await findActor(chain.get, header.parentStateRoot, id)
  if (!actor) throw new LotusError('actor not found', rpcCode.actorNotFound)
  return actor
}

async function initAt(view: NodeView, tipSet: TipSetView): Promise<InitState> {
  const { head } = await actorAt(view, tipSet, idAddress(1))
  return decodeInitState(requireBlock(head, view.chain.get(head)))
}

export async function networkNameAt(view: NodeView, tipSet: TipSetView): Promise<string> {
  return (await initAt(view, tipSet)).networkName
}

/** The f0 address behind any. @throws LotusError `actorNotFound` */
export async function idAt(view: NodeView, tipSet: TipSetView, address: Address): Promise<Address> {
  const id = await resolveAddress(view.chain.get, await initAt(view, tipSet), address)
  if (!id)
    throw new LotusError(`resolution lookup failed (${formatAddress(address, 't')}): actor not found`, rpcCode.actorNotFound)
  return id
}

/** The actor that a call names, with its number. */
export async function namedActor(view: NodeView, tipSet: TipSetView, text: unknown): Promise<{ id: number; actor: Actor }> {
  const id = await idAt(view, tipSet, parseAddress(string(text)))
  return { id: idOf(id)!, actor: await actorAt(view, tipSet, id) }
}

export async function kindOf(view: NodeView, tipSet: TipSetView, { code }: Actor): Promise<string | undefined> {
  const system = await actorAt(view, tipSet, idAddress(0))
  return (await loadCodeNames(view.chain.get, system.head)).get(code.toString())
}

export interface MinerView {
  id: number
  head: CID
  state: MinerState
}

/** The provider that a call names. @throws LotusError where it is none */
export async function minerAt(view: NodeView, tipSet: TipSetView, text: unknown): Promise<MinerView> {
  const { id, actor } = await namedActor(view, tipSet, text)
  const kind = await kindOf(view, tipSet, actor)
  if (kind !== 'storageminer') throw new LotusError(`t0${id} is no storage provider but an actor of kind ${kind}`)
  return { id, head: actor.head, state: decodeMinerState(requireBlock(actor.head, view.chain.get(actor.head))) }
}

export async function marketAt(view: NodeView, tipSet: TipSetView): Promise<MarketState> {
  const { head } = await actorAt(view, tipSet, idAddress(5))
  return decodeMarketState(requireBlock(head, view.chain.get(head)))
}
