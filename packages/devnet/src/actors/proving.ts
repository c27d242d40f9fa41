import { deadlinesPerPeriod } from '@keepsake/filecoin/actors/miner.ts'
import type { ChainDeadline } from '../state/deadline.ts'
import type { MinerActor } from '../state/miner.ts'
import { sectorsPerPartition } from '../state/miner-info.ts'
import { type ChainPartition, emptyPartition } from '../state/partition.ts'
import { exit, require } from './exit.ts'

/** New sectors are proven in the next window but one, so that there is time to make the proof. */
const deadlinesAhead = 2

/** The window of which an epoch is the first: here every window opens for one epoch. */
export function deadlineAt({ provingPeriodStart }: Pick<MinerActor, 'provingPeriodStart'>, epoch: number): number {
  const offset = (epoch - provingPeriodStart) % deadlinesPerPeriod
  return offset < 0 ? offset + deadlinesPerPeriod : offset
}

/** The last epoch, up to `epoch`, at which a window opened. */
export function openedAt(miner: Pick<MinerActor, 'provingPeriodStart'>, deadline: number, epoch: number): number {
  const since = (deadlineAt(miner, epoch) - deadline + deadlinesPerPeriod) % deadlinesPerPeriod
  return epoch - since
}

export function addToDeadline(miner: MinerActor, epoch: number, sector: number): void {
  const deadline = miner.deadlines[(deadlineAt(miner, epoch) + deadlinesAhead) % deadlinesPerPeriod]!
  let partition = deadline.partitions.at(-1)
  if (!partition || partition.sectors.size >= sectorsPerPartition) {
    partition = emptyPartition()
    deadline.partitions.push(partition)
  }
  partition.sectors.add(sector)
  partition.unproven.add(sector)
  deadline.saved = undefined
}

/** @throws ActorExit where there is no such partition */
export function partitionAt(miner: MinerActor, deadline: number, partition: number): [ChainDeadline, ChainPartition] {
  const found = miner.deadlines[deadline]
  const inside = found?.partitions[partition]
  require(found !== undefined &&
    inside !== undefined, exit.notFound, `There is no partition ${partition} in deadline ${deadline}.`)
  return [found, inside]
}

/** Takes sectors out of what is proven, for good. */
export function endSectors(partition: ChainPartition, sectors: Iterable<number>): void {
  for (const sector of sectors) {
    partition.terminated.add(sector)
    partition.unproven.delete(sector)
    partition.faults.delete(sector)
    partition.recoveries.delete(sector)
  }
}

/** Notes that sectors are not proven. Those that are faulty already stay so from when they were. */
export function markFaulty(partition: ChainPartition, sectors: Iterable<number>, terminateAt: number): void {
  for (const sector of sectors) {
    if (!partition.faults.has(sector)) partition.faults.set(sector, terminateAt)
    partition.unproven.delete(sector)
    partition.recoveries.delete(sector)
  }
}
