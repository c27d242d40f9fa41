import { decodeDealProposal } from '@keepsake/filecoin/actors/deal-proposal.ts'
import { decodeDealState, decodeMarketState, encodeMarketState } from '@keepsake/filecoin/actors/market.ts'
import { idOf } from '@keepsake/filecoin/address.ts'
import { amtEntries } from '@keepsake/filecoin/amt.ts'
import { type GetBlock, type PutBlock, requireBlock } from '@keepsake/filecoin/blocks.ts'
import { decodeAll, readList } from '@keepsake/filecoin/cbor/reader.ts'
import { encode, integer, link, nothing, tuple } from '@keepsake/filecoin/cbor/writer.ts'
import { hamtEntries } from '@keepsake/filecoin/hamt.ts'
import { buildHamt } from '@keepsake/filecoin/hamt-build.ts'
import { CID } from 'multiformats/cid'
import { type ChainArray, chainArray } from './array.ts'
import { type Balances, loadBalances, saveBalances } from './balances.ts'
import { numberKey, numberOfKey } from './keys.ts'

/** Bit widths of the market's arrays since actors v3. */
const proposalsWidth = 5
const statesWidth = 6

/** Deals by the sector they are in, by provider. */
export type SectorDeals = Map<number, Map<number, number[]>>

/** The storage market, f05. */
export interface MarketActor {
  /** `DealProposal` by deal. */
  proposals: ChainArray
  /** `DealState` by deal. */
  states: ChainArray
  /** CIDs of proposals whose start has not come, by text: they cannot be published again. */
  pending: Map<string, CID>
  escrow: Balances
  locked: Balances
  nextDealId: number
  lastCron: number
  clientCollateral: bigint
  providerCollateral: bigint
  storageFees: bigint
  sectorDeals: SectorDeals
  /** Deals to look at when an epoch comes: derived, not part of what is written. */
  due: Map<number, Set<number>>
}

export function emptyMarket(): MarketActor {
  return {
    proposals: chainArray(proposalsWidth),
    states: chainArray(statesWidth),
    pending: new Map(),
    escrow: new Map(),
    locked: new Map(),
    nextDealId: 1,
    lastCron: -1,
    clientCollateral: 0n,
    providerCollateral: 0n,
    storageFees: 0n,
    sectorDeals: new Map(),
    due: new Map(),
  }
}

export function lookAt({ due }: Pick<MarketActor, 'due'>, dealId: number, epoch: number): void {
  const deals = due.get(epoch) ?? new Set()
  due.set(epoch, deals.add(dealId))
}

export function saveMarket(put: PutBlock, market: MarketActor): CID {
  const empty = buildHamt(put, [])
  const pending = Array.from(market.pending.values(), (cid) => ({ key: cid.bytes, value: encode(nothing()) }))
  return put(
    encodeMarketState({
      layout: 'v13',
      proposals: market.proposals.save(put),
      states: market.states.save(put),
      pendingProposals: buildHamt(put, pending),
      escrowTable: saveBalances(put, market.escrow),
      lockedTable: saveBalances(put, market.locked),
      nextDealId: market.nextDealId,
      dealOpsByEpoch: empty,
      lastCron: market.lastCron,
      totalClientLockedCollateral: market.clientCollateral,
      totalProviderLockedCollateral: market.providerCollateral,
      totalClientStorageFee: market.storageFees,
      pendingDealAllocationIds: empty,
      providerSectors: saveSectorDeals(put, market.sectorDeals),
    }),
  )
}

function saveSectorDeals(put: PutBlock, sectorDeals: SectorDeals): CID {
  const providers = Array.from(sectorDeals, ([provider, sectors]) => {
    const entries = Array.from(sectors, ([sector, deals]) => ({
      key: numberKey(sector),
      value: encode(tuple(...deals.map(integer))),
    }))
    return { key: numberKey(provider), value: encode(link(buildHamt(put, entries))) }
  })
  return buildHamt(put, providers)
}

async function loadSectorDeals(get: GetBlock, root: CID): Promise<SectorDeals> {
  const all: SectorDeals = new Map()
  for await (const { key, value } of hamtEntries(get, root)) {
    const sectors = new Map<number, number[]>()
    const inner = decodeAll(value, (reader) => reader.readCid())
    for await (const entry of hamtEntries(get, inner)) {
      const deals = decodeAll(entry.value, (reader) => readList(reader, (item) => item.readUint()))
      sectors.set(numberOfKey(entry.key), deals)
    }
    all.set(numberOfKey(key), sectors)
  }
  return all
}

async function loadArray(get: GetBlock, root: CID, bitWidth: number): Promise<ChainArray> {
  return chainArray(bitWidth, await Array.fromAsync(amtEntries(get, root)))
}

/** @param slashedKeptEpochs how long a slashed deal stays */
export async function loadMarket(get: GetBlock, head: CID, slashedKeptEpochs: number): Promise<MarketActor> {
  const state = decodeMarketState(requireBlock(head, await get(head)))
  const market: MarketActor = {
    proposals: await loadArray(get, state.proposals, proposalsWidth),
    states: await loadArray(get, state.states, statesWidth),
    pending: new Map(),
    escrow: await loadBalances(get, state.escrowTable),
    locked: await loadBalances(get, state.lockedTable),
    nextDealId: state.nextDealId,
    lastCron: state.lastCron,
    clientCollateral: state.totalClientLockedCollateral,
    providerCollateral: state.totalProviderLockedCollateral,
    storageFees: state.totalClientStorageFee,
    sectorDeals: await loadSectorDeals(get, state.providerSectors!),
    due: new Map(),
  }
  for await (const { key } of hamtEntries(get, state.pendingProposals)) {
    const cid = CID.decode(key)
    market.pending.set(cid.toString(), cid)
  }
  for (const { index, value } of market.proposals.entries()) {
    const { startEpoch, endEpoch } = decodeDealProposal(value)
    lookAt(market, index, startEpoch)
    lookAt(market, index, endEpoch)
  }
  for (const { index, value } of market.states.entries()) {
    const { slashEpoch } = decodeDealState(value, 'v13')
    if (slashEpoch >= 0) lookAt(market, index, slashEpoch + slashedKeptEpochs)
  }
  return market
}

/** The actor's number in an address that the market wrote: those are all f0. */
export function partyOf(address: Parameters<typeof idOf>[0]): number {
  return idOf(address)!
}
