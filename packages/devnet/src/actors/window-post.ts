import { has } from '@keepsake/filecoin/bitfield.ts'
import { decodeLeafProofs } from '../messages/leaf-proofs.ts'
import { DEVNET_PROOF } from '../messages/proof-types.ts'
import { decodeWindowPostParams, type WindowPostParams } from '../messages/window-post.ts'
import type { ChainPartition } from '../state/partition.ts'
import { toProve } from '../state/partition.ts'
import { touch } from '../state/state.ts'
import { verifySector } from './commit-sectors.ts'
import type { Execution } from './execution.ts'
import { exit, require } from './exit.ts'
import { dealsOf, findProposal } from './market-deals.ts'
import { markFaulty, openedAt, partitionAt } from './proving.ts'

interface Proven {
  index: number
  partition: ChainPartition
  /** Sectors that the proof has to show. */
  shown: number[]
  skipped: number[]
}

/** Method 5 of a provider: shows that it still holds what is to be proven in a window that opened a short while ago. */
export function submitWindowedPost(execution: Execution, provider: number, params: Uint8Array): Uint8Array {
  const { state, epoch, rules } = execution
  const miner = state.miners.get(provider)!
  const said = decodeWindowPostParams(params)
  const deadline = miner.deadlines[said.deadline]
  require(deadline !== undefined, exit.illegalArgument, `There is no deadline ${said.deadline}.`)
  const opened = openedAt(miner, said.deadline, epoch - 1)
  const isOpen = epoch - opened <= rules.proofGraceEpochs
  require(isOpen, exit.illegalArgument, `Deadline ${said.deadline} opened at epoch ${opened}; its proof is too late.`)
  checkChain(execution, said)
  const proven = said.partitions.map(({ index, skipped }): Proven => {
    const [, partition] = partitionAt(miner, said.deadline, index)
    require(!deadline.proven.has(
      index,
    ), exit.illegalArgument, `Partition ${index} of deadline ${said.deadline} is proven already.`)
    const sectors = toProve(partition).sort((a, b) => a - b)
    const shown = sectors.filter((sector) => !has(skipped, sector))
    return { index, partition, shown, skipped: sectors.filter((sector) => has(skipped, sector)) }
  })
  require(new Set(proven.map(({ index }) => index)).size === proven.length, exit.illegalArgument, 'A partition stands twice.')
  checkProof(execution, provider, opened, said, proven)
  for (const { index, partition, shown, skipped } of proven) {
    markFaulty(partition, skipped, epoch + rules.faultPatienceEpochs)
    for (const sector of shown) {
      partition.unproven.delete(sector)
      partition.faults.delete(sector)
      partition.recoveries.delete(sector)
    }
    deadline.proven.add(index)
  }
  deadline.saved = undefined
  touch(state, provider)
  return new Uint8Array()
}

/** A proof names a ticket, so that it is of no use on another chain. */
function checkChain({ epoch, ticketAt }: Execution, { chainCommitEpoch, chainCommitRandomness }: WindowPostParams): void {
  const ticket = chainCommitEpoch < epoch ? ticketAt(chainCommitEpoch) : undefined
  const isSame = ticket !== undefined && Buffer.compare(ticket, chainCommitRandomness) === 0
  require(isSame, exit.illegalArgument, `The ticket named for epoch ${chainCommitEpoch} is not that of this chain.`)
}

function checkProof(
  { state, beaconAt }: Execution,
  provider: number,
  opened: number,
  { proofs }: WindowPostParams,
  proven: readonly Proven[],
): void {
  const [proof, ...more] = proofs
  const isOne = proof !== undefined && more.length === 0 && proof.type === DEVNET_PROOF
  require(isOne, exit.illegalArgument, `One proof of kind ${DEVNET_PROOF} is asked for.`)
  const sectors = proven.flatMap(({ shown }) => shown)
  require(sectors.length > 0, exit.illegalArgument, 'No sector is left to prove.')
  const shown = decodeLeafProofs(proof.bytes)
  require(shown.length ===
    sectors.length, exit.illegalArgument, `The proof is of ${shown.length} sectors, not ${sectors.length}.`)
  const beacon = beaconAt(opened)
  for (const [index, one] of shown.entries()) {
    require(one.sector === sectors[index], exit.illegalArgument, `The proof is not of sector ${sectors[index]}.`)
    const pieces = dealsOf(state, provider, one.sector).map((dealId) => findProposal(state.market, dealId)!)
    verifySector({ provider, beacon }, one, pieces)
  }
}
