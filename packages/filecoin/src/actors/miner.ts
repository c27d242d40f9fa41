import type { CID } from 'multiformats/cid'
import { amtEntries, findInAmt } from '../amt.ts'
import { type Bitfield, decodeBitfield, has } from '../bitfield.ts'
import { type GetBlock, requireBlock } from '../blocks.ts'
import { CborReader, decodeAll, readList } from '../cbor/reader.ts'
import { ChainFormatError } from '../errors.ts'

/** Windows in which a provider proves its partitions, one after the other: a proving period. */
export const deadlinesPerPeriod = 48

/** What of a storage provider's state says whether it keeps what it promised. */
export interface MinerState {
  /** AMT of `SectorOnChainInfo` by sector number. */
  sectors: CID
  provingPeriodStart: number
  currentDeadline: number
  deadlines: CID
}

/**
 * From `sectors` on the fields are the same in every version; how many stand before them is told by how many there are.
 *
 * @throws ChainFormatError `UNKNOWN_LAYOUT`
 */
export function decodeMinerState(bytes: Uint8Array): MinerState {
  const reader = new CborReader(bytes)
  const fields = reader.readArray()
  const before = sectorsField(fields)
  for (let i = 0; i < before; i++) reader.skip()
  return {
    sectors: reader.readCid(),
    provingPeriodStart: reader.readInt(),
    currentDeadline: reader.readUint(),
    deadlines: reader.readCid(),
  }
}

/** Index of `sectors` in a miner state of so many fields. */
function sectorsField(fields: number): number {
  const index = { 13: 8, 14: 9, 15: 9 }[fields]
  if (index === undefined) throw new ChainFormatError('UNKNOWN_LAYOUT', `A miner state has 13 to 15 fields, this has ${fields}.`)
  return index
}

/** The sectors of a deadline that are proved together. */
export interface Partition {
  sectors: Bitfield
  /** Proven for the first time at the end of their deadline. */
  unproven: Bitfield
  faults: Bitfield
  recoveries: Bitfield
  terminated: Bitfield
}

/** Since actors v2 a partition knows what is `unproven` and has 11 fields; before, 9. */
export function decodePartition(bytes: Uint8Array): Partition {
  const reader = new CborReader(bytes)
  const fields = reader.readArray()
  if (fields < 8 || fields > 11)
    throw new ChainFormatError('UNKNOWN_LAYOUT', `A partition has 8 to 11 fields, this has ${fields}.`)
  const read = () => decodeBitfield(reader.readBytes())
  const sectors = read()
  const unproven = fields === 11 ? read() : []
  return { sectors, unproven, faults: read(), recoveries: read(), terminated: read() }
}

/** CIDs of the 48 deadlines. */
export async function listDeadlines(get: GetBlock, { deadlines }: MinerState): Promise<CID[]> {
  return decodeAll(requireBlock(deadlines, await get(deadlines)), (reader) => {
    reader.readTuple(1, 'The deadlines of a miner')
    return readList(reader, (item) => item.readCid())
  })
}

/** What of a deadline says which sectors are proved in it, and whether they were. Later fields differ from version to version. */
export interface Deadline {
  /** AMT of its partitions. */
  partitions: CID
  /** Partitions that have been proven since its window opened; empty once that is closed. */
  posted: Bitfield
}

export function decodeDeadline(bytes: Uint8Array): Deadline {
  const reader = new CborReader(bytes)
  reader.readArray()
  const partitions = reader.readCid()
  reader.readCid() // Partitions by the epoch in which sectors of them expire.
  return { partitions, posted: decodeBitfield(reader.readBytes()) }
}

/** Root of the AMT of a deadline's partitions. */
export function partitionsOf(deadline: Uint8Array): CID {
  return decodeDeadline(deadline).partitions
}

/** Where a sector is proved, and how it stands. */
export interface SectorPlace {
  deadline: number
  partition: number
  isFaulty: boolean
  isTerminated: boolean
  isUnproven: boolean
  /** Proven since the window of its deadline opened. */
  isPosted: boolean
}

/**
 * Looks for a sector in every partition; undefined where none has it.
 *
 * @throws ChainFormatError `BLOCK_NOT_FOUND`, `UNKNOWN_LAYOUT`
 */
export async function findSectorPlace(get: GetBlock, state: MinerState, sector: number): Promise<SectorPlace | undefined> {
  return (await findSectorPlaces(get, state, [{ sector }])).get(sector)
}

/** A sector, and the deadline in which it was last. */
export interface SoughtSector {
  sector: number
  deadline?: number | undefined
}

/**
 * Looks for sectors where they were last, and those that are not there in every partition; each partition is read once. Sectors that none has are
 * not in the answer.
 *
 * @throws ChainFormatError `BLOCK_NOT_FOUND`, `UNKNOWN_LAYOUT`
 */
export async function findSectorPlaces(
  get: GetBlock,
  state: MinerState,
  sought: readonly SoughtSector[],
): Promise<Map<number, SectorPlace>> {
  const deadlines = await listDeadlines(get, state)
  const places = new Map<number, SectorPlace>()
  const look = async (deadline: number, sectors: readonly number[]): Promise<void> => {
    const cid = deadlines[deadline]
    if (cid === undefined || sectors.length === 0) return
    const { partitions, posted } = decodeDeadline(requireBlock(cid, await get(cid)))
    for await (const { index, value } of amtEntries(get, partitions)) {
      const partition = decodePartition(value)
      for (const sector of sectors) {
        if (has(partition.sectors, sector)) places.set(sector, placeIn({ deadline, index, partition, sector, posted }))
      }
    }
  }
  for (const [deadline, sectors] of Map.groupBy(sought, (one) => one.deadline)) {
    if (deadline !== undefined)
      await look(
        deadline,
        sectors.map(({ sector }) => sector),
      )
  }
  const lost = sought.map(({ sector }) => sector).filter((sector) => !places.has(sector))
  for (let deadline = 0; deadline < deadlines.length && lost.length > 0; deadline++) {
    await look(
      deadline,
      lost.filter((sector) => !places.has(sector)),
    )
  }
  return places
}

interface Found {
  deadline: number
  index: number
  partition: Partition
  sector: number
  posted: Bitfield
}

function placeIn({ deadline, index, partition, sector, posted }: Found): SectorPlace {
  return {
    deadline,
    partition: index,
    isFaulty: has(partition.faults, sector),
    isTerminated: has(partition.terminated, sector),
    isUnproven: has(partition.unproven, sector),
    isPosted: has(posted, index),
  }
}

/** What of a sector matters to whoever has data in it. */
export interface SectorInfo {
  sector: number
  sealedCid: CID
  /** Deals in it; since actors v13 the market has them by sector, and this is empty. */
  dealIds: number[]
  activation: number
  expiration: number
}

export function decodeSectorInfo(bytes: Uint8Array): SectorInfo {
  const reader = new CborReader(bytes)
  reader.readArray()
  const sector = reader.readUint()
  reader.readInt() // Kind of the seal proof.
  const sealedCid = reader.readCid()
  const dealIds = readList(reader, (item) => item.readUint())
  return { sector, sealedCid, dealIds, activation: reader.readInt(), expiration: reader.readInt() }
}

/** A sector that is in the provider's state: undefined once it is gone. */
export async function findSector(get: GetBlock, { sectors }: MinerState, sector: number): Promise<SectorInfo | undefined> {
  const value = await findInAmt(get, sectors, sector)
  return value && decodeSectorInfo(value)
}
