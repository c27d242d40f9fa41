import type { DealProposal } from '../actors/deal-proposal.ts'
import { type Address, formatAddress, parseAddress } from '../address.ts'
import { callFor } from './chain.ts'
import type { Rpc } from './client.ts'
import { METHOD_NOT_FOUND, RpcError } from './errors.ts'
import { amount, cid, object, string, whole } from './json.ts'
import type { StateOptions } from './state.ts'
import { tipSetKey } from './tip-set.ts'

/** The least and the most a storage provider may put up for a deal, in attoFIL. `pieceSizeBytes`: padded. */
export async function dealCollateralBounds(
  rpc: Rpc,
  { pieceSizeBytes, isVerified }: { pieceSizeBytes: number; isVerified: boolean },
  options: StateOptions = {},
): Promise<{ min: bigint; max: bigint }> {
  const read = (value: unknown) => ({ min: amount(object(value).Min), max: amount(object(value).Max) })
  const params = [pieceSizeBytes, isVerified, tipSetKey(options.tipSet)]
  return await callFor(rpc, 'StateDealProviderCollateralBounds', params, read, options)
}

/** What a node says of an address that no actor has. */
const noActor = /not found|lookup failed/i

/**
 * DataCap of a client: padded bytes that it may still have stored in verified deals. 0 where it has none.
 *
 * @throws RpcError
 */
export async function dataCapOf(rpc: Rpc, client: Address, options: StateOptions = {}): Promise<bigint> {
  const read = (value: unknown): bigint => (value === null || value === undefined ? 0n : amount(value))
  const params = [formatAddress(client, options.prefix), tipSetKey(options.tipSet)]
  try {
    return await callFor(rpc, 'StateVerifiedClientStatus', params, read, options)
  } catch (error) {
    if (
      error instanceof RpcError &&
      error.code === 'REFUSED' &&
      error.rpcCode !== METHOD_NOT_FOUND &&
      noActor.test(error.message)
    )
      return 0n
    throw error
  }
}

/** A deal as the market has it. */
export interface MarketDeal {
  /** Its client is an f0 address, whatever the one was that signed. */
  proposal: DealProposal
  /** -1 is never. */
  sectorStartEpoch: number
  slashEpoch: number
}

function readProposal(value: unknown): DealProposal {
  const json = object(value)
  return {
    pieceCid: cid(json.PieceCID),
    pieceSizeBytes: whole(json.PieceSize),
    verifiedDeal: json.VerifiedDeal === true,
    client: parseAddress(string(json.Client)),
    provider: parseAddress(string(json.Provider)),
    label: { isText: true, bytes: new TextEncoder().encode(string(json.Label)) },
    startEpoch: whole(json.StartEpoch),
    endEpoch: whole(json.EndEpoch),
    storagePricePerEpoch: amount(json.StoragePricePerEpoch),
    providerCollateral: amount(json.ProviderCollateral),
    clientCollateral: amount(json.ClientCollateral),
  }
}

/** @throws RpcError `REFUSED` where there is no such deal */
export async function marketDeal(rpc: Rpc, dealId: number, options: StateOptions = {}): Promise<MarketDeal> {
  const read = (value: unknown): MarketDeal => {
    const { Proposal, State } = object(value)
    const state = object(State)
    return {
      proposal: readProposal(Proposal),
      sectorStartEpoch: whole(state.SectorStartEpoch),
      slashEpoch: whole(state.SlashEpoch),
    }
  }
  return await callFor(rpc, 'StateMarketStorageDeal', [dealId, tipSetKey(options.tipSet)], read, options)
}
