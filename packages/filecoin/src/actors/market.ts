import type { CID } from 'multiformats/cid'
import { bigInt, readBigInt } from '../big-int.ts'
import { type Bitfield, decodeBitfield, encodeBitfield } from '../bitfield.ts'
import { type CborReader, decodeAll, readList } from '../cbor/reader.ts'
import { byteString, encode, integer, link, type Piece, tuple } from '../cbor/writer.ts'
import { ChainFormatError } from '../errors.ts'

/**
 * Which layout a market state has. Actors v9 to v12 and v13 on both write deal states of four fields, with another meaning: only the number of fields
 * of the market itself tells them apart.
 */
export type MarketLayout = 'v0' | 'v9' | 'v13'

const layoutOfFields: Record<number, MarketLayout> = { 11: 'v0', 12: 'v9', 13: 'v13' }

/** State of the storage market actor, f05. */
export interface MarketState {
  layout: MarketLayout
  /** AMT of `DealProposal` by deal id. */
  proposals: CID
  /** AMT of `DealState` by deal id: deals that were activated. */
  states: CID
  /** HAMT: proposals that were published and are not active yet. */
  pendingProposals: CID
  escrowTable: CID
  lockedTable: CID
  nextDealId: number
  dealOpsByEpoch: CID
  lastCron: number
  totalClientLockedCollateral: bigint
  totalProviderLockedCollateral: bigint
  totalClientStorageFee: bigint
  /** Since v9: HAMT of allocation ids by deal id. */
  pendingDealAllocationIds?: CID
  /** Since v13: HAMT by provider of HAMT by sector of deal ids. */
  providerSectors?: CID
}

/** @throws ChainFormatError `UNKNOWN_LAYOUT` for a number of fields that no known version has */
export function decodeMarketState(bytes: Uint8Array): MarketState {
  return decodeAll(bytes, (reader) => {
    const fields = reader.readArray()
    const layout = layoutOfFields[fields]
    if (!layout) throw new ChainFormatError('UNKNOWN_LAYOUT', `A market state has 11 to 13 fields, this has ${fields}.`)
    const state: MarketState = {
      layout,
      proposals: reader.readCid(),
      states: reader.readCid(),
      pendingProposals: reader.readCid(),
      escrowTable: reader.readCid(),
      lockedTable: reader.readCid(),
      nextDealId: reader.readUint(),
      dealOpsByEpoch: reader.readCid(),
      lastCron: reader.readInt(),
      totalClientLockedCollateral: readBigInt(reader),
      totalProviderLockedCollateral: readBigInt(reader),
      totalClientStorageFee: readBigInt(reader),
    }
    if (layout !== 'v0') state.pendingDealAllocationIds = reader.readCid()
    if (layout === 'v13') state.providerSectors = reader.readCid()
    return state
  })
}

/** Writes a market state of the layout it says. */
export function encodeMarketState(state: MarketState): Uint8Array {
  const later: Piece[] = []
  if (state.pendingDealAllocationIds) later.push(link(state.pendingDealAllocationIds))
  if (state.providerSectors) later.push(link(state.providerSectors))
  return encode(
    tuple(
      link(state.proposals),
      link(state.states),
      link(state.pendingProposals),
      link(state.escrowTable),
      link(state.lockedTable),
      integer(state.nextDealId),
      link(state.dealOpsByEpoch),
      integer(state.lastCron),
      bigInt(state.totalClientLockedCollateral),
      bigInt(state.totalProviderLockedCollateral),
      bigInt(state.totalClientStorageFee),
      ...later,
    ),
  )
}

/** What became of a deal. -1 is never. */
export interface DealState {
  sectorStartEpoch: number
  lastUpdatedEpoch: number
  slashEpoch: number
  /** v9 to v12: the claim of verified data in the registry, 0 for none. */
  claimId?: number
  /** Since v13. */
  sector?: number
}

const stateFields: Record<MarketLayout, number> = { v0: 3, v9: 4, v13: 4 }

function readDealState(reader: CborReader, layout: MarketLayout): DealState {
  reader.readTuple(stateFields[layout], `A deal state of layout ${layout}`)
  if (layout === 'v13') {
    const sector = reader.readUint()
    return { sector, sectorStartEpoch: reader.readInt(), lastUpdatedEpoch: reader.readInt(), slashEpoch: reader.readInt() }
  }
  const state = { sectorStartEpoch: reader.readInt(), lastUpdatedEpoch: reader.readInt(), slashEpoch: reader.readInt() }
  return layout === 'v0' ? state : { ...state, claimId: reader.readUint() }
}

/** @throws ChainFormatError `UNKNOWN_LAYOUT`, `INVALID_CBOR` */
export function decodeDealState(bytes: Uint8Array, layout: MarketLayout): DealState {
  return decodeAll(bytes, (reader) => readDealState(reader, layout))
}

export function encodeDealState(state: DealState): Uint8Array {
  const epochs = [integer(state.sectorStartEpoch), integer(state.lastUpdatedEpoch), integer(state.slashEpoch)]
  const before = state.sector === undefined ? [] : [integer(state.sector)]
  const after = state.claimId === undefined ? [] : [integer(state.claimId)]
  return encode(tuple(...before, ...epochs, ...after))
}

/** What PublishStorageDeals gives back: the ids of the deals it took, and which of the proposals those are. */
export interface PublishReturn {
  dealIds: number[]
  /** Indexes into the parameters. Since actors v6; before, all were taken or none. */
  validIndexes: Bitfield | undefined
}

export function decodePublishReturn(bytes: Uint8Array): PublishReturn {
  return decodeAll(bytes, (reader) => {
    const fields = reader.readArray()
    if (fields !== 1 && fields !== 2) {
      throw new ChainFormatError('UNKNOWN_LAYOUT', `PublishStorageDeals gives back 1 or 2 fields, this has ${fields}.`)
    }
    const dealIds = readList(reader, (item) => item.readUint())
    return { dealIds, validIndexes: fields === 2 ? decodeBitfield(reader.readBytes()) : undefined }
  })
}

export function encodePublishReturn({ dealIds, validIndexes }: PublishReturn): Uint8Array {
  const valid = validIndexes === undefined ? [] : [byteString(encodeBitfield(validIndexes))]
  return encode(tuple(tuple(...dealIds.map(integer)), ...valid))
}
