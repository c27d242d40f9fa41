import { type Bitfield, numbersOf } from '@keepsake/filecoin/bitfield.ts'
import { decodeSectorSets, encodeTerminateReturn } from '../messages/sector-sets.ts'
import type { ChainDeadline } from '../state/deadline.ts'
import type { ChainPartition } from '../state/partition.ts'
import { touch } from '../state/state.ts'
import type { Execution } from './execution.ts'
import { exit, require } from './exit.ts'
import { terminateDeals } from './market-deals.ts'
import { endSectors, markFaulty, partitionAt } from './proving.ts'

/** More sectors than a partition has. */
const maxNumbers = 10_000

interface Named {
  deadline: ChainDeadline
  partition: ChainPartition
  sectors: number[]
}

/**
 * The sectors that a message names, each of which has to be one of its partition.
 *
 * @throws ActorExit
 */
function readNamed(
  { state }: Execution,
  provider: number,
  params: Uint8Array,
  isFit: (partition: ChainPartition, sector: number) => boolean,
): Named[] {
  const miner = state.miners.get(provider)!
  const named = decodeSectorSets(params).map((set) => {
    const [deadline, partition] = partitionAt(miner, set.deadline, set.partition)
    const sectors = bounded(set.sectors)
    for (const sector of sectors) {
      const isHeld = partition.sectors.has(sector) && !partition.terminated.has(sector)
      require(isHeld, exit.notFound, `Sector ${sector} is not held in deadline ${set.deadline}, partition ${set.partition}.`)
      require(isFit(partition, sector), exit.illegalArgument, `Sector ${sector} is not in a state for that.`)
    }
    return { deadline, partition, sectors }
  })
  require(named.some(({ sectors }) => sectors.length > 0), exit.illegalArgument, 'No sector is named.')
  return named
}

function bounded(sectors: Bitfield): number[] {
  const count = sectors.reduce((sum, { start, end }) => sum + end - start, 0)
  require(count <= maxNumbers, exit.illegalArgument, `At most ${maxNumbers} sectors can be named at once.`)
  return [...numbersOf(sectors)]
}

/** Method 10 of a provider: sectors that it cannot prove now. */
export function declareFaults(execution: Execution, provider: number, params: Uint8Array): Uint8Array {
  const { state, epoch, rules } = execution
  for (const { deadline, partition, sectors } of readNamed(execution, provider, params, () => true)) {
    markFaulty(partition, sectors, epoch + rules.faultPatienceEpochs)
    deadline.saved = undefined
  }
  touch(state, provider)
  return new Uint8Array()
}

/** Method 11 of a provider: faulty sectors that it will prove in their next window. */
export function declareRecovered(execution: Execution, provider: number, params: Uint8Array): Uint8Array {
  const isFaulty = (partition: ChainPartition, sector: number) => partition.faults.has(sector)
  for (const { deadline, partition, sectors } of readNamed(execution, provider, params, isFaulty)) {
    for (const sector of sectors) partition.recoveries.add(sector)
    deadline.saved = undefined
  }
  touch(execution.state, provider)
  return new Uint8Array()
}

/** Method 9 of a provider: sectors that it gives up, with their deals. */
export function terminateSectors(execution: Execution, provider: number, params: Uint8Array): Uint8Array {
  for (const { deadline, partition, sectors } of readNamed(execution, provider, params, () => true)) {
    endSectors(partition, sectors)
    deadline.saved = undefined
    terminateDeals(execution, provider, sectors)
  }
  touch(execution.state, provider)
  return encodeTerminateReturn(true)
}
