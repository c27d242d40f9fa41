import { decodeDealProposal } from '@keepsake/filecoin/actors/deal-proposal.ts'
import { decodeDealState } from '@keepsake/filecoin/actors/market.ts'
import { loadCodeNames } from '@keepsake/filecoin/actors/system.ts'
import { decodeAddress, encodeAddress, idAddress, idOf, parseAddress } from '@keepsake/filecoin/address.ts'
import { findInAmt } from '@keepsake/filecoin/amt.ts'
import { readBigInt } from '@keepsake/filecoin/big-int.ts'
import { requireBlock } from '@keepsake/filecoin/blocks.ts'
import { decodeAll } from '@keepsake/filecoin/cbor/reader.ts'
import { findInHamt } from '@keepsake/filecoin/hamt.ts'
import { bytesJson, cidJson, string, whole } from '@keepsake/filecoin/rpc/json.ts'
import { actorEntries, decodeActor } from '@keepsake/filecoin/state-tree.ts'
import type { CID } from 'multiformats/cid'
import { FIL } from '../chain/genesis.ts'
import type { Beacon } from '../chain/randomness.ts'
import { LotusError } from './errors.ts'
import { addressJson, proposalJson } from './lotus-json.ts'
import type { Methods } from './methods.ts'
import { actorAt, idAt, kindOf, marketAt, type NodeView, namedActor, networkNameAt, type TipSetView, tipSetOf } from './view.ts'

/** Actors v13: the network version Filecoin had them with first. */
const networkVersion = 22
/** A state of a deal that has none yet. */
const noDealState = { SectorNumber: 0, SectorStartEpoch: -1, LastUpdatedEpoch: -1, SlashEpoch: -1 }

async function keyOf(view: NodeView, tipSet: TipSetView, text: unknown) {
  const address = parseAddress(string(text))
  if (address.protocol === 1 || address.protocol === 3) return address
  const { id, actor } = await namedActor(view, tipSet, text)
  const kind = await kindOf(view, tipSet, actor)
  if (kind !== 'account') throw new LotusError(`failed to get account actor state for t0${id}: it is of kind ${kind}`)
  return decodeAll(requireBlock(actor.head, view.chain.get(actor.head)), (reader) => {
    reader.readTuple(1, 'The state of an account')
    return decodeAddress(reader.readBytes())
  })
}

async function amountIn(view: NodeView, root: CID, key: Uint8Array): Promise<string> {
  const value = await findInHamt((cid) => view.chain.get(cid), root, key)
  return String(value ? decodeAll(value, readBigInt) : 0n)
}

/** What everybody but the faucet has. */
async function circulating(view: NodeView, { header }: TipSetView, faucet: number): Promise<bigint> {
  let sum = 0n
  for await (const { key, value } of actorEntries((cid) => view.chain.get(cid), header.parentStateRoot))
    if (idOf(decodeAddress(key)) !== faucet) sum += decodeActor(value).balance
  return sum
}

async function dealJson(view: NodeView, tipSet: TipSetView, dealId: number): Promise<unknown> {
  const market = await marketAt(view, tipSet)
  const get = (cid: CID) => view.chain.get(cid)
  const proposal = await findInAmt(get, market.proposals, dealId)
  if (!proposal)
    throw new LotusError(
      `deal ${dealId} not found - deal may not have completed sealing before deal proposal start epoch, or deal may have been slashed`,
    )
  const bytes = await findInAmt(get, market.states, dealId)
  const state = bytes && decodeDealState(bytes, market.layout)
  const shown = state && {
    SectorNumber: state.sector,
    SectorStartEpoch: state.sectorStartEpoch,
    LastUpdatedEpoch: state.lastUpdatedEpoch,
    SlashEpoch: state.slashEpoch,
  }
  return { Proposal: proposalJson(decodeDealProposal(proposal)), State: shown ?? noDealState }
}

/** Methods that read the state of actors, at the tipset that is named. */
export function stateMethods(view: NodeView, { beacon, faucet }: { beacon: Beacon; faucet: number }): Methods {
  const get = (cid: CID) => view.chain.get(cid)
  return {
    StateNetworkName: async () => await networkNameAt(view, tipSetOf(view, null)),
    StateNetworkVersion: async () => networkVersion,
    StateGetActor: async ([address, key]) => {
      const { actor } = await namedActor(view, tipSetOf(view, key), address)
      const { code, head, nonce, balance } = actor
      return { Code: cidJson(code), Head: cidJson(head), Nonce: nonce, Balance: String(balance), DelegatedAddress: null }
    },
    StateLookupID: async ([address, key]) => addressJson(await idAt(view, tipSetOf(view, key), parseAddress(string(address)))),
    StateAccountKey: async ([address, key]) => addressJson(await keyOf(view, tipSetOf(view, key), address)),
    StateMarketStorageDeal: async ([dealId, key]) => await dealJson(view, tipSetOf(view, key), whole(dealId)),
    StateMarketBalance: async ([address, key]) => {
      const tipSet = tipSetOf(view, key)
      const id = encodeAddress(await idAt(view, tipSet, parseAddress(string(address))))
      const { escrowTable, lockedTable } = await marketAt(view, tipSet)
      return { Escrow: await amountIn(view, escrowTable, id), Locked: await amountIn(view, lockedTable, id) }
    },
    StateDealProviderCollateralBounds: async () => ({ Min: '0', Max: String(2_000_000_000n * FIL) }),
    // Nobody here gives DataCap: see docs/devnet.md.
    StateVerifiedClientStatus: async ([address, key]) => {
      await idAt(view, tipSetOf(view, key), parseAddress(string(address)))
      return null
    },
    StateCirculatingSupply: async ([key]) => String(await circulating(view, tipSetOf(view, key), faucet)),
    StateGetBeaconEntry: async ([epoch]) => {
      const height = whole(epoch)
      // Who knew an entry before its time would know what he is going to be asked.
      if (height > view.chain.head.height) throw new LotusError(`beacon entry of epoch ${height} is in the future`)
      if (height < 0) throw new LotusError(`no beacon entry of epoch ${height}`)
      return { Round: height, Data: bytesJson(beacon.at(height)) }
    },
    StateListMiners: async ([key]) => {
      const tipSet = tipSetOf(view, key)
      const miners: string[] = []
      for await (const { key: id, value } of actorEntries(get, tipSet.header.parentStateRoot))
        if ((await kindOf(view, tipSet, decodeActor(value))) === 'storageminer') miners.push(addressJson(decodeAddress(id)))
      return miners
    },
    WalletBalance: async ([address]) => {
      const tipSet = tipSetOf(view, null)
      try {
        return String((await namedActor(view, tipSet, address)).actor.balance)
      } catch (error) {
        // Who was never seen has nothing.
        if (error instanceof LotusError) return '0'
        throw error
      }
    },
    StateActorCodeCIDs: async () => {
      const system = await actorAt(view, tipSetOf(view, null), idAddress(0))
      return Object.fromEntries([...(await loadCodeNames(get, system.head))].map(([cid, name]) => [name, { '/': cid }]))
    },
  }
}
