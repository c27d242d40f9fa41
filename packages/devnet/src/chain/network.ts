import { createHash, randomBytes } from 'node:crypto'
import { idAddress } from '@keepsake/filecoin/address.ts'
import { type BlockHeader, encodeBlockHeader } from '@keepsake/filecoin/block-header.ts'
import type { PutBlock } from '@keepsake/filecoin/blocks.ts'
import { devnetPrefix } from '@keepsake/filecoin/devnet-name.ts'
import type { Rules } from '../actors/rules.ts'
import { saveState } from '../state/state.ts'
import { blockStore } from '../store/blocks.ts'
import { chainIndex } from '../store/chain-index.ts'
import { inTransaction, openDatabase } from '../store/database.ts'
import type { ChainParts } from './append.ts'
import { aggregateOf, saveMessages, saveReceipts, signingBytes } from './block.ts'
import { genesisState, partiesOf } from './genesis.ts'
import { electionProofFor, openBeacon, ticketFor, ticketRandomness } from './randomness.ts'

export interface NetworkOptions {
  /** Where the network is kept; made where it is not there. */
  directory: string
  /** Of a new network: how long an epoch is. A network that is there keeps its own. */
  epochMs: number
  /** Of a new network: how many storage providers it has. A network that is there keeps its own. */
  providers: number
  rules: Rules
  onFailure?: ChainParts['onFailure']
}

/** A network as it is on disk. */
export interface Network {
  name: string
  parts: ChainParts
  /** Unix time in seconds of epoch 0. */
  genesisSeconds: number
  epochMs: number
  epochAt(timeMs: number): number
  /** Unix time in milliseconds at which an epoch begins. */
  timeOf(epoch: number): number
  close(): void
}

interface Founding {
  seed: string
  genesisSeconds: number
  epochMs: number
  providers: number
}

/** The name says which network it is: two that were founded apart are never taken for one. */
function nameFor(ticket: Uint8Array): string {
  return `${devnetPrefix}${createHash('sha256').update(ticketRandomness(ticket)).digest('hex').slice(0, 8)}`
}

/** Opens the network of a folder, and founds it where there is none. */
export function openNetwork({ directory, rules, onFailure, ...options }: NetworkOptions): Network {
  const database = openDatabase(directory)
  const index = chainIndex(database)
  const blocks = blockStore(database)
  const transaction = <T>(work: () => T): T => inTransaction(database, work)
  const founding = transaction((): Founding => {
    const known = index.setting('founding')
    if (known) return JSON.parse(Buffer.from(known).toString()) as Founding
    const seed = randomBytes(32).toString('hex')
    const made = { seed, genesisSeconds: Math.floor(Date.now() / 1000), epochMs: options.epochMs, providers: options.providers }
    index.setSetting('founding', Buffer.from(JSON.stringify(made)))
    return made
  })
  const { genesisSeconds, epochMs } = founding
  const seed = new Uint8Array(Buffer.from(founding.seed, 'hex'))
  const timeOf = (epoch: number) => genesisSeconds * 1000 + epoch * epochMs
  const parts: ChainParts = {
    seed,
    parties: partiesOf(seed, founding.providers),
    beacon: openBeacon(seed),
    blocks,
    index,
    rules,
    transaction,
    timestampAt: (epoch) => Math.floor(timeOf(epoch) / 1000),
    onFailure,
  }
  const ticket = ticketFor(seed, new Uint8Array(), 0, 0)
  const name = nameFor(ticket)
  if (!index.head()) transaction(() => writeGenesis(parts, name, ticket))
  return {
    name,
    parts,
    genesisSeconds,
    epochMs,
    epochAt: (timeMs) => Math.floor((timeMs - genesisSeconds * 1000) / epochMs),
    timeOf,
    close: () => database.close(),
  }
}

function writeGenesis({ seed, parties, beacon, blocks, index, timestampAt }: ChainParts, name: string, ticket: Uint8Array): void {
  const put: PutBlock = (bytes) => blocks.put(bytes, 0)
  const state = saveState(
    put,
    genesisState(parties, name, put, (bytes, codec) => blocks.put(bytes, 0, { codec })),
  )
  const receipts = saveReceipts(put, [])
  const header: BlockHeader = {
    miner: idAddress(parties.producer.actorId),
    ticket,
    electionProof: { winCount: 0, vrfProof: electionProofFor(seed, 0) },
    beaconEntries: [{ round: 0, data: beacon.at(0) }],
    winPostProofs: [],
    parents: [],
    parentWeight: 0n,
    height: 0,
    parentStateRoot: state,
    parentMessageReceipts: receipts,
    messages: saveMessages(put, []),
    blsAggregate: aggregateOf([]),
    timestamp: timestampAt(0),
    blockSignature: null,
    forkSignaling: 0,
    parentBaseFee: 0n,
  }
  const signed = { ...header, blockSignature: parties.producer.key.sign(signingBytes(header)) }
  index.append({ height: 0, block: blocks.put(encodeBlockHeader(signed), 0, { isHeader: true }), state, receipts })
}
