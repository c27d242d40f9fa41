import { amtEntries } from '@keepsake/filecoin/amt.ts'
import { buildAmt } from '@keepsake/filecoin/amt-build.ts'
import { bigInt, readBigInt } from '@keepsake/filecoin/big-int.ts'
import { type Bitfield, bitfieldOf, decodeBitfield, encodeBitfield, numbersOf } from '@keepsake/filecoin/bitfield.ts'
import type { GetBlock, PutBlock } from '@keepsake/filecoin/blocks.ts'
import { CborReader } from '@keepsake/filecoin/cbor/reader.ts'
import { byteString, encode, link, type Piece, tuple } from '@keepsake/filecoin/cbor/writer.ts'

/** Bit width of the queues of a partition. */
const queueWidth = 4

/** Sectors that are proved together, as sets of their numbers. */
export interface ChainPartition {
  sectors: Set<number>
  /** Never proven yet. */
  unproven: Set<number>
  /** Not proven in time, or declared so, each with the epoch at which it is terminated for that. */
  faults: Map<number, number>
  /** Faults that their provider says it will prove again. */
  recoveries: Set<number>
  terminated: Set<number>
}

export function emptyPartition(): ChainPartition {
  return { sectors: new Set(), unproven: new Set(), faults: new Map(), recoveries: new Set(), terminated: new Set() }
}

/** Sectors that a proof of the partition has to show: what is held and not known to be faulty. */
export function toProve({ sectors, terminated, faults, recoveries }: ChainPartition): number[] {
  return [...sectors].filter((sector) => !terminated.has(sector) && (!faults.has(sector) || recoveries.has(sector)))
}

/** Sectors that are neither terminated nor expired. */
export function liveSectors({ sectors, terminated }: ChainPartition): number[] {
  return [...sectors].filter((sector) => !terminated.has(sector))
}

/** What is asked of a sector when it is written: when it expires. */
export type ExpirationOf = (sector: number) => number

/** Power of so many sectors: raw, and adjusted for quality, which is the same here. */
export function power(sectors: number, sectorSizeBytes: number): Piece {
  const bytes = bigInt(BigInt(sectors) * BigInt(sectorSizeBytes))
  return tuple(bytes, bytes)
}

function bits(numbers: Iterable<number>): Piece {
  return byteString(encodeBitfield(bitfieldOf(numbers)))
}

/** The form of actors v13: 11 fields. */
export function partitionBytes(
  put: PutBlock,
  partition: ChainPartition,
  expirationOf: ExpirationOf,
  sectorSizeBytes: number,
): Uint8Array {
  const { sectors, unproven, faults, recoveries, terminated } = partition
  return encode(
    tuple(
      bits(sectors),
      bits(unproven),
      bits(faults.keys()),
      bits(recoveries),
      bits(terminated),
      link(saveExpirations(put, partition, expirationOf, sectorSizeBytes)),
      link(buildAmt(put, [], queueWidth)),
      power(liveSectors(partition).length, sectorSizeBytes),
      power(unproven.size, sectorSizeBytes),
      power(faults.size, sectorSizeBytes),
      power(recoveries.size, sectorSizeBytes),
    ),
  )
}

/** When sectors go: those that are proven at their own end, those that are not when their patience is over. */
function saveExpirations(put: PutBlock, partition: ChainPartition, expirationOf: ExpirationOf, sectorSizeBytes: number) {
  const { faults } = partition
  const goesAt = (sector: number) => faults.get(sector) ?? expirationOf(sector)
  const byEpoch = Map.groupBy(liveSectors(partition), goesAt)
  const entries = Array.from(byEpoch, ([index, sectors]) => {
    const early = sectors.filter((sector) => faults.has(sector))
    const onTime = sectors.filter((sector) => !faults.has(sector))
    return {
      index,
      value: encode(
        tuple(bits(onTime), bits(early), bigInt(0n), power(onTime.length, sectorSizeBytes), power(early.length, sectorSizeBytes)),
      ),
    }
  })
  return buildAmt(put, entries, queueWidth)
}

export async function readPartition(get: GetBlock, bytes: Uint8Array): Promise<ChainPartition> {
  const reader = new CborReader(bytes)
  reader.readTuple(11, 'A partition')
  const set = () => new Set(numbersOf(decodeBitfield(reader.readBytes())))
  const [sectors, unproven, faulty, recoveries, terminated] = [set(), set(), set(), set(), set()]
  const faults = new Map<number, number>()
  for await (const { index, value } of amtEntries(get, reader.readCid()))
    for (const sector of numbersOf(earlySectors(value))) if (faulty.has(sector)) faults.set(sector, index)
  return { sectors, unproven, faults, recoveries, terminated }
}

function earlySectors(value: Uint8Array): Bitfield {
  const reader = new CborReader(value)
  reader.readTuple(5, 'A set of expirations')
  reader.skip()
  const early = decodeBitfield(reader.readBytes())
  readBigInt(reader)
  return early
}
