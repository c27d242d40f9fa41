import { deadlinesPerPeriod } from '@keepsake/filecoin/actors/miner.ts'
import type { Address } from '@keepsake/filecoin/address.ts'
import { formatAddress } from '@keepsake/filecoin/address.ts'
import type { PutBlock } from '@keepsake/filecoin/blocks.ts'
import { encode, tuple } from '@keepsake/filecoin/cbor/writer.ts'
import type { Signer } from '@keepsake/filecoin/signature.ts'
import { chainArray } from '../state/array.ts'
import { addTo } from '../state/balances.ts'
import { emptyDeadline } from '../state/deadline.ts'
import { type PutRaw, saveCodes, saveSystem } from '../state/manifest.ts'
import { emptyMarket } from '../state/market.ts'
import { type ChainState, INIT, MARKET, SYSTEM } from '../state/state.ts'
import { type ProviderKeys, providerKeys, secpKey } from './keys.ts'

/** attoFIL in a FIL. */
export const FIL = 10n ** 18n

const firstAccount = 100
const firstMiner = 1_000
const firstFree = 2_000
const sectorsWidth = 5
/** Of every provider, so that no piece is too large for it. */
const sectorSizeBytes = 32 * 2 ** 30
const faucetFil = 1_000_000_000n
const walletFil = 10_000n
const escrowFil = 100_000n

/** Who is on the network from its first block on. */
export interface Parties {
  /** Gives money to whoever asks. */
  faucet: Signer
  /** Makes every block. */
  producer: { actorId: number; key: Signer }
  providers: { actorId: number; keys: ProviderKeys }[]
}

export function partiesOf(seed: Uint8Array, providers: number): Parties {
  return {
    faucet: secpKey(seed, 'faucet'),
    producer: { actorId: firstMiner + providers, key: secpKey(seed, 'producer') },
    providers: Array.from({ length: providers }, (_, index) => ({
      actorId: firstMiner + index,
      keys: providerKeys(seed, index),
    })),
  }
}

/** The state of a network before its first message. */
export function genesisState(parties: Parties, networkName: string, put: PutBlock, putRaw: PutRaw): ChainState {
  const codes = saveCodes(putRaw)
  const state: ChainState = {
    networkName,
    codes,
    actors: new Map(),
    ids: new Map(),
    nextId: firstAccount,
    market: emptyMarket(),
    miners: new Map(),
    accounts: new Map(),
  }
  const actor = (kind: keyof typeof codes, balance = 0n) => ({ kind, nonce: 0, balance, head: undefined })
  state.actors.set(SYSTEM, { ...actor('system'), head: saveSystem(put, codes) })
  state.actors.set(INIT, actor('init'))
  state.actors.set(MARKET, actor('storagemarket'))
  const account = (key: Address, fil: bigint) => {
    const id = state.nextId++
    state.ids.set(formatAddress(key), { address: key, id })
    state.accounts.set(id, key)
    state.actors.set(id, actor('account', fil * FIL))
    return id
  }
  account(parties.faucet.address, faucetFil)
  const producer = account(parties.producer.key.address, 0n)
  addMiner(state, parties.producer.actorId, { owner: producer, worker: producer, controls: [] })
  for (const { actorId, keys } of parties.providers) {
    addMiner(state, actorId, {
      owner: account(keys.owner.address, walletFil),
      worker: account(keys.worker.address, walletFil),
      controls: [account(keys.control.address, walletFil)],
    })
    addTo(state.market.escrow, actorId, escrowFil * FIL)
    state.actors.get(MARKET)!.balance += escrowFil * FIL
  }
  state.nextId = firstFree
  // What every state refers to.
  put(encode(tuple()))
  return state
}

function addMiner(state: ChainState, actorId: number, parties: { owner: number; worker: number; controls: number[] }): void {
  state.actors.set(actorId, { kind: 'storageminer', nonce: 0, balance: 0n, head: undefined })
  state.miners.set(actorId, {
    info: { ...parties, peerId: new Uint8Array(), multiaddrs: [], sectorSizeBytes },
    preCommits: new Map(),
    allocated: new Set(),
    sectors: chainArray(sectorsWidth),
    deadlines: Array.from({ length: deadlinesPerPeriod }, emptyDeadline),
    provingPeriodStart: 0,
    currentDeadline: 0,
  })
}
