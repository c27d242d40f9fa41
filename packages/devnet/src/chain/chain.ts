import type { BlockHeader } from '@keepsake/filecoin/block-header.ts'
import type { SignedMessage } from '@keepsake/filecoin/message.ts'
import type { CID } from 'multiformats/cid'
import type { ChainState } from '../state/state.ts'
import type { ChainIndex, TipSetRow } from '../store/chain-index.ts'
import { append, type ChainParts, loadTip, readHeader, type Tip } from './append.ts'
import { inOrder } from './block.ts'
import { reachable } from './live-blocks.ts'
import { type Mempool, openMempool } from './mempool.ts'

/** States and messages are readable for so many epochs at least: more than the 900 after which a chain is final. */
const retentionEpochs = 3_000
const pruneEveryEpochs = 1_000

/** What is older is final. */
const maxReorganisedTipsets = 900

/** A tipset that joined the chain or left it. */
export interface ChainChange {
  type: 'apply' | 'revert'
  row: TipSetRow
}

/** The chain: its blocks, and the state that they lead to. */
export interface Chain {
  readonly head: TipSetRow
  /** After the messages of the head. */
  readonly state: ChainState
  readonly mempool: Mempool
  get(cid: CID): Uint8Array | undefined
  header(block: CID): BlockHeader
  /** Makes the block of an epoch, which is after the head's, out of the messages that wait. */
  extend(epoch: number): void
  /**
   * Puts other blocks, without messages, in place of the last `depth`. Neither what is undone nor what waits is done again: who sent it has to.
   *
   * @throws RangeError where there are not so many, or they are final
   */
  reorganise(depth: number): Promise<void>
  /** Has a message wait for a block. @throws RefusedMessage */
  push(signed: SignedMessage): CID
  /** @returns ends it */
  onChange(listener: (changes: ChainChange[]) => void): () => void
}

export async function openChain(parts: ChainParts): Promise<Chain> {
  const { blocks, index, transaction } = parts
  const mempool = openMempool(index)
  const listeners = new Set<(changes: ChainChange[]) => void>()
  const tip = await loadTip(parts, index.head()!)
  // Set while what is in memory is not what is written, and for good where writing failed.
  let isTorn = false

  function write(work: () => ChainChange[]): void {
    if (isTorn) throw new Error('The chain could not be written and has to be opened anew.')
    isTorn = true
    const changes = transaction(work)
    isTorn = false
    for (const listener of listeners) listener(changes)
  }

  return {
    get head() {
      return tip.head
    },
    get state() {
      return tip.state
    },
    mempool,
    get: (cid) => blocks.get(cid),
    header: (block) => readHeader(parts, block),
    extend(epoch) {
      write(() => {
        const messages = inOrder(mempool.select(tip.state))
        const row = append(parts, tip, epoch, messages)
        mempool.remove(messages)
        if (epoch % pruneEveryEpochs === 0) prune(parts, epoch)
        return [{ type: 'apply', row }]
      })
    },
    async reorganise(depth) {
      const { base, baseTip, gone } = await findBase(parts, tip, depth)
      const fork = Number(Buffer.from(index.setting('forks') ?? []).toString() || 0) + 1
      write(() => {
        index.setSetting('forks', Buffer.from(String(fork)))
        index.cutAbove(base.height)
        mempool.clear()
        Object.assign(tip, baseTip)
        const added = gone.toReversed().map(({ height }) => append(parts, tip, height, [], fork))
        const reverts = gone.map((row) => ({ type: 'revert' as const, row }))
        return [...reverts, ...added.map((row) => ({ type: 'apply' as const, row }))]
      })
    },
    push: (signed) => transaction(() => mempool.push(tip.state, signed)),
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

/** What stays when the last `depth` tipsets go, those newest first. */
async function findBase(
  parts: ChainParts,
  tip: Tip,
  depth: number,
): Promise<{ base: TipSetRow; baseTip: Tip; gone: TipSetRow[] }> {
  if (!(depth >= 1 && depth <= maxReorganisedTipsets))
    throw new RangeError(`The chain goes back 1 to ${maxReorganisedTipsets} tipsets, not ${depth}.`)
  for (;;) {
    const gone = listBack(parts.index, tip.head.height, depth)
    const base = parts.index.atOrBefore((gone.at(-1)?.height ?? 0) - 1)
    if (gone.length === 0 || !base) throw new RangeError(`The chain cannot go back ${depth} tipsets.`)
    const baseTip = await loadTip(parts, base)
    // While that was read the chain may have grown.
    if (tip.head === gone[0] || tip.head.block.equals(gone[0]!.block)) return { base, baseTip, gone }
  }
}

/** The last tipsets up to a height, newest first; fewer where there are no more. */
function listBack(index: ChainIndex, height: number, count: number): TipSetRow[] {
  const rows: TipSetRow[] = []
  for (let row = index.atOrBefore(height); row && rows.length < count; row = index.atOrBefore(row.height - 1)) rows.push(row)
  return rows
}

function prune(parts: ChainParts, epoch: number): void {
  const { blocks, index } = parts
  const kept = index.atOrBefore(epoch - retentionEpochs)
  if (!kept) return
  blocks.prune(kept.height, reachable(blocks, [kept.state, readHeader(parts, kept.block).parentStateRoot]))
  index.forgetMessagesBefore(kept.height)
}
