import { type BlockHeader, decodeBlockHeader, encodeBlockHeader } from '@keepsake/filecoin/block-header.ts'
import { type PutBlock, requireBlock } from '@keepsake/filecoin/blocks.ts'
import { listedCid, type SignedMessage } from '@keepsake/filecoin/message.ts'
import type { CID } from 'multiformats/cid'
import type { Execution } from '../actors/execution.ts'
import { applyMessage, cron, skipEpochs } from '../actors/machine.ts'
import type { Rules } from '../actors/rules.ts'
import { type ChainState, loadState, saveState } from '../state/state.ts'
import type { BlockStore } from '../store/blocks.ts'
import type { ChainIndex, TipSetRow } from '../store/chain-index.ts'
import { aggregateOf, makeHeader, saveMessages, saveReceipts } from './block.ts'
import type { Parties } from './genesis.ts'
import { type Beacon, electionProofFor, ticketFor, ticketRandomness } from './randomness.ts'

/** How far back it matters that the node was away. */
const lookBackEpochs = 60

export interface ChainParts {
  seed: Uint8Array
  parties: Parties
  beacon: Beacon
  blocks: BlockStore
  index: ChainIndex
  rules: Rules
  /** Runs work of which all or nothing is kept. */
  transaction<T>(work: () => T): T
  /** Unix time in seconds at which an epoch begins. */
  timestampAt(epoch: number): number
  /** Told why a message failed, which receipts do not say. */
  onFailure?: ((message: SignedMessage, exitCode: number, reason: string) => void) | undefined
}

/** Where a chain stands. */
export interface Tip {
  head: TipSetRow
  /** After the messages of the head. */
  state: ChainState
  /** See `Execution`. */
  backSince: number
}

/** Reads where the chain stands with a tipset as its head. */
export async function loadTip({ blocks, index, rules }: ChainParts, head: TipSetRow): Promise<Tip> {
  const state = await loadState((cid) => blocks.get(cid), head.state, rules.slashedKeptEpochs)
  return { head, state, backSince: findGapEnd(index, head.height, rules.awayEpochs) }
}

export function readHeader({ blocks }: Pick<ChainParts, 'blocks'>, block: CID): BlockHeader {
  return decodeBlockHeader(requireBlock(block, blocks.get(block)))
}

/** The epoch of the last tipset, not long ago, before which there was none for longer than `awayEpochs`; -1 where there is no such. */
function findGapEnd(index: ChainIndex, height: number, awayEpochs: number): number {
  for (let row = index.atOrBefore(height); row && row.height > height - lookBackEpochs; ) {
    const before = index.atOrBefore(row.height - 1)
    if (before && row.height - before.height - 1 > awayEpochs) return row.height
    row = before
  }
  return -1
}

function executionAt(parts: ChainParts, { state, backSince }: Tip, epoch: number): Execution {
  const { rules, index, beacon } = parts
  return {
    state,
    epoch,
    rules,
    backSince,
    beaconAt: beacon.at,
    ticketAt(at) {
      const row = at < 0 ? undefined : index.atOrBefore(at)
      return row && ticketRandomness(readHeader(parts, row.block).ticket!)
    },
  }
}

/** Executes what happened since the head, then the messages of a block, and writes the state that they lead to. */
function execute(parts: ChainParts, tip: Tip, epoch: number, messages: readonly SignedMessage[]): { state: CID; receipts: CID } {
  const put: PutBlock = (bytes) => parts.blocks.put(bytes, epoch)
  const first = tip.head.height + 1
  if (epoch - first > parts.rules.awayEpochs) {
    tip.backSince = epoch
    skipEpochs(executionAt(parts, tip, epoch), first)
  } else for (let at = first; at < epoch; at++) cron(executionAt(parts, tip, at))
  const execution = executionAt(parts, tip, epoch)
  const receipts = messages.map((signed) => {
    const { receipt, reason } = applyMessage(execution, signed.message)
    if (reason !== undefined) parts.onFailure?.(signed, receipt.exitCode, reason)
    return receipt
  })
  cron(execution)
  return { state: saveState(put, tip.state), receipts: saveReceipts(put, receipts) }
}

/**
 * Makes one block on the tip and executes it, within a transaction; the tip is then there.
 *
 * @param fork how often the chain was reorganised, where the block takes the place of another; 0 for a block that is only new
 */
export function append(parts: ChainParts, tip: Tip, epoch: number, messages: readonly SignedMessage[], fork = 0): TipSetRow {
  const { blocks, index } = parts
  const { block: cid, state, receipts } = tip.head
  const parent = { cid, header: readHeader(parts, cid), state, receipts }
  const header = makeHeader({
    producer: parts.parties.producer,
    parent,
    height: epoch,
    timestamp: parts.timestampAt(epoch),
    ticket: ticketFor(parts.seed, parent.header.ticket!, epoch, fork),
    // What takes the place of other blocks has to weigh more than they do.
    election: { winCount: fork === 0 ? 1 : 2, vrfProof: electionProofFor(parts.seed, epoch) },
    beacon: parts.beacon.at(epoch),
    messages: saveMessages((bytes) => blocks.put(bytes, epoch), messages),
    aggregate: aggregateOf(messages),
  })
  const block = blocks.put(encodeBlockHeader(header), epoch, { isHeader: true })
  for (const [place, signed] of messages.entries()) index.placeMessage(listedCid(signed), { height: epoch, place })
  tip.head = { height: epoch, block, ...execute(parts, tip, epoch, messages) }
  index.append(tip.head)
  return tip.head
}
