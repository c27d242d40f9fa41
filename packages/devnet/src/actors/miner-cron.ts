import { expirationOf, type MinerActor } from '../state/miner.ts'
import { liveSectors, toProve } from '../state/partition.ts'
import { touch } from '../state/state.ts'
import type { Execution } from './execution.ts'
import { terminateDeals } from './market-deals.ts'
import { deadlineAt, endSectors, markFaulty } from './proving.ts'

/** What a provider's actor does at the end of every epoch. */
export function minerCron(execution: Execution, provider: number): void {
  const { state, epoch } = execution
  const miner = state.miners.get(provider)!
  if (forgetPreCommits(execution, miner)) touch(state, provider)
  if (miner.sectors.size === 0) return
  closeWindow(execution, miner)
  endOverdue(execution, provider, miner)
  miner.currentDeadline = deadlineAt(miner, epoch)
  miner.provingPeriodStart = epoch - miner.currentDeadline
  touch(state, provider)
}

/** Sectors of the window whose time is over and that were not proven in it are faulty from now on. */
function closeWindow({ epoch, rules, backSince }: Execution, miner: MinerActor): void {
  const opened = epoch - rules.proofGraceEpochs
  const deadline = miner.deadlines[deadlineAt(miner, opened)]!
  if (deadline.partitions.length === 0) return
  const isExcused = opened < backSince
  for (const [index, partition] of deadline.partitions.entries()) {
    if (deadline.proven.has(index) || isExcused) continue
    const missing = toProve(partition)
    markFaulty(partition, missing, epoch + rules.faultPatienceEpochs)
    if (missing.length > 0) deadline.saved = undefined
  }
  if (deadline.proven.size > 0) deadline.saved = undefined
  deadline.proven.clear()
}

/** Ends sectors that have expired, or that were faulty for too long. */
function endOverdue(execution: Execution, provider: number, miner: MinerActor): void {
  const { epoch } = execution
  for (const deadline of miner.deadlines) {
    for (const partition of deadline.partitions) {
      const overdue = [...partition.faults].filter(([, terminateAt]) => terminateAt <= epoch).map(([sector]) => sector)
      const expired = liveSectors(partition).filter((sector) => expirationOf(miner, sector) <= epoch)
      if (overdue.length + expired.length === 0) continue
      endSectors(partition, [...overdue, ...expired])
      deadline.saved = undefined
      terminateDeals(execution, provider, overdue)
    }
  }
}

function forgetPreCommits({ epoch, rules }: Execution, { preCommits }: MinerActor): boolean {
  const old = [...preCommits].filter(([, { epoch: since }]) => epoch - since >= rules.preCommitMaxEpochs)
  for (const [sector] of old) preCommits.delete(sector)
  return old.length > 0
}

/** Begins anew after a time in which nobody could prove anything: no window is half over, and who is faulty has that time on top. */
export function forgive({ deadlines }: MinerActor, epochs: number): void {
  for (const deadline of deadlines) {
    for (const { faults } of deadline.partitions)
      for (const [sector, terminateAt] of faults) faults.set(sector, terminateAt + epochs)
    deadline.proven.clear()
    deadline.saved = undefined
  }
}
