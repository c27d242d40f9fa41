import { amtEntries } from '@keepsake/filecoin/amt.ts'
import { buildAmt } from '@keepsake/filecoin/amt-build.ts'
import { bitfieldOf, decodeBitfield, encodeBitfield, numbersOf } from '@keepsake/filecoin/bitfield.ts'
import { type GetBlock, type PutBlock, requireBlock } from '@keepsake/filecoin/blocks.ts'
import { CborReader } from '@keepsake/filecoin/cbor/reader.ts'
import { byteString, encode, integer, link, tuple } from '@keepsake/filecoin/cbor/writer.ts'
import type { CID } from 'multiformats/cid'
import { type ChainPartition, type ExpirationOf, liveSectors, partitionBytes, power, readPartition } from './partition.ts'

const partitionsWidth = 3
const otherWidth = 5

/** A window of the proving period, with what is proved in it. */
export interface ChainDeadline {
  partitions: ChainPartition[]
  /** Partitions that were proved since the window opened last. */
  proven: Set<number>
  /** What it was last written as; undefined since it changed. */
  saved: CID | undefined
}

export function emptyDeadline(): ChainDeadline {
  return { partitions: [], proven: new Set(), saved: undefined }
}

/** The form of actors v13: 11 fields. */
export function saveDeadline(put: PutBlock, deadline: ChainDeadline, expirationOf: ExpirationOf, sectorSizeBytes: number): CID {
  if (deadline.saved) return deadline.saved
  const { partitions, proven } = deadline
  const values = partitions.map((partition, index) => ({
    index,
    value: partitionBytes(put, partition, expirationOf, sectorSizeBytes),
  }))
  const root = link(buildAmt(put, values, partitionsWidth))
  const none = link(buildAmt(put, [], otherWidth))
  const sum = (count: (partition: ChainPartition) => number) => partitions.reduce((all, one) => all + count(one), 0)
  deadline.saved = put(
    encode(
      tuple(
        root,
        none,
        byteString(encodeBitfield(bitfieldOf(proven))),
        byteString(encodeBitfield([])),
        integer(sum((partition) => liveSectors(partition).length)),
        integer(sum((partition) => partition.sectors.size)),
        power(
          sum((partition) => partition.faults.size),
          sectorSizeBytes,
        ),
        none,
        none,
        root,
        none,
      ),
    ),
  )
  return deadline.saved
}

export async function loadDeadline(get: GetBlock, cid: CID): Promise<ChainDeadline> {
  const reader = new CborReader(requireBlock(cid, await get(cid)))
  reader.readTuple(11, 'A deadline')
  const partitions: ChainPartition[] = []
  for await (const { value } of amtEntries(get, reader.readCid())) partitions.push(await readPartition(get, value))
  reader.readCid()
  return { partitions, proven: new Set(numbersOf(decodeBitfield(reader.readBytes()))), saved: cid }
}
