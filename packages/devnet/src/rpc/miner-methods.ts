import {
  deadlinesPerPeriod,
  decodePartition,
  findSectorPlace,
  listDeadlines,
  partitionsOf,
} from '@keepsake/filecoin/actors/miner.ts'
import { idAddress } from '@keepsake/filecoin/address.ts'
import { amtEntries, findInAmt } from '@keepsake/filecoin/amt.ts'
import { bitfieldOf, has, numbersOf } from '@keepsake/filecoin/bitfield.ts'
import { requireBlock } from '@keepsake/filecoin/blocks.ts'
import { CborReader } from '@keepsake/filecoin/cbor/reader.ts'
import { bytesJson, cidJson, whole } from '@keepsake/filecoin/rpc/json.ts'
import type { CID } from 'multiformats/cid'
import { deadlineAt, openedAt } from '../actors/proving.ts'
import type { Rules } from '../actors/rules.ts'
import type { Beacon } from '../chain/randomness.ts'
import { DEVNET_PROOF } from '../messages/proof-types.ts'
import { decodeProviderInfo, type ProviderInfo, sectorsPerPartition } from '../state/miner-info.ts'
import { decodeSectorOnChain } from '../state/sector.ts'
import { LotusError } from './errors.ts'
import { addressJson, bitfieldJson } from './lotus-json.ts'
import type { Methods } from './methods.ts'
import { type MinerView, minerAt, type NodeView, type TipSetView, tipSetAt, tipSetOf } from './view.ts'

type Get = (cid: CID) => Uint8Array | undefined

function block(get: Get, cid: CID): Uint8Array {
  return requireBlock(cid, get(cid))
}

function infoOf(get: Get, { head }: MinerView): ProviderInfo {
  const reader = new CborReader(block(get, head))
  reader.readArray()
  return decodeProviderInfo(block(get, reader.readCid()))
}

function infoJson(info: ProviderInfo): unknown {
  const id = (actor: number) => addressJson(idAddress(actor))
  return {
    Owner: id(info.owner),
    Worker: id(info.worker),
    NewWorker: '<empty>',
    ControlAddresses: info.controls.map(id),
    WorkerChangeEpoch: -1,
    PeerId: null,
    Multiaddrs: info.multiaddrs.map(bytesJson),
    WindowPoStProofType: DEVNET_PROOF,
    SectorSize: info.sectorSizeBytes,
    WindowPoStPartitionSectors: sectorsPerPartition,
    ConsensusFaultElapsed: -1,
    PendingOwnerAddress: null,
    Beneficiary: id(info.owner),
    BeneficiaryTerm: { Quota: '0', UsedQuota: '0', Expiration: 0 },
    PendingBeneficiaryTerm: null,
  }
}

/** Partitions of a provider, deadline by deadline. */
async function partitionsIn(get: Get, miner: MinerView) {
  const deadlines: ReturnType<typeof decodePartition>[][] = []
  for (const cid of await listDeadlines(get, miner.state)) {
    const entries = await Array.fromAsync(amtEntries(get, partitionsOf(block(get, cid))))
    deadlines.push(entries.map(({ value }) => decodePartition(value)))
  }
  return deadlines
}

type Part = ReturnType<typeof decodePartition>

/** The numbers of sectors that a question about partitions names. */
async function collect(get: Get, miner: MinerView, choose: (partition: Part) => Iterable<number>): Promise<number[]> {
  return (await partitionsIn(get, miner)).flat().flatMap((partition) => [...choose(partition)])
}

function* live({ sectors, terminated }: Part): Generator<number> {
  for (const sector of numbersOf(sectors)) if (!has(terminated, sector)) yield sector
}

function* active(partition: Part): Generator<number> {
  for (const sector of live(partition)) if (!has(partition.faults, sector) && !has(partition.unproven, sector)) yield sector
}

/** Bytes that a provider proves. */
async function powerOf(get: Get, miner: MinerView): Promise<bigint> {
  const sectors = await collect(get, miner, active)
  return BigInt(sectors.length) * BigInt(infoOf(get, miner).sectorSizeBytes)
}

function powerJson(bytes: bigint): unknown {
  return { RawBytePower: String(bytes), QualityAdjPower: String(bytes) }
}

function sectorJson(bytes: Uint8Array): unknown {
  const { sector, sealedCid, activation, expiration, dealWeight } = decodeSectorOnChain(bytes)
  return {
    SectorNumber: sector,
    SealProof: DEVNET_PROOF,
    SealedCID: cidJson(sealedCid),
    Activation: activation,
    Expiration: expiration,
    DealWeight: String(dealWeight),
    VerifiedDealWeight: '0',
    InitialPledge: '0',
    ExpectedDayReward: '0',
    ExpectedStoragePledge: '0',
    PowerBaseEpoch: activation,
    ReplacedDayReward: '0',
    SectorKeyCID: null,
    Flags: 0,
    DailyFee: '0',
  }
}

/** Where a provider is in its proving period, as Lotus tells it. */
function provingDeadline(miner: MinerView, epoch: number, { proofGraceEpochs }: Rules): unknown {
  const index = deadlineAt(miner.state, epoch)
  const open = openedAt(miner.state, index, epoch)
  return {
    CurrentEpoch: epoch,
    PeriodStart: epoch - index,
    Index: index,
    Open: open,
    Close: open + 1,
    Challenge: open,
    FaultCutoff: open + proofGraceEpochs,
    WPoStPeriodDeadlines: deadlinesPerPeriod,
    WPoStProvingPeriod: deadlinesPerPeriod,
    WPoStChallengeWindow: 1,
    WPoStChallengeLookback: 0,
    FaultDeclarationCutoff: 0,
  }
}

async function networkPower(view: NodeView, tipSet: TipSetView): Promise<bigint> {
  let sum = 0n
  for (const id of view.chain.state.miners.keys()) {
    const miner = await minerAt(view, tipSet, addressJson(idAddress(id)))
    sum += await powerOf((cid) => view.chain.get(cid), miner)
  }
  return sum
}

async function baseInfo(view: NodeView, beacon: Beacon, [text, epoch, key]: readonly unknown[]): Promise<unknown> {
  const get: Get = (cid) => view.chain.get(cid)
  const at = whole(epoch)
  if (at > view.chain.head.height + 1) throw new LotusError(`beacon entry of epoch ${at} is in the future`)
  const tipSet = tipSetOf(view, key)
  const miner = await minerAt(view, tipSet, text)
  const info = infoOf(get, miner)
  const power = await powerOf(get, miner)
  const last = tipSetAt(view, Math.min(at, tipSet.header.height), tipSet)
  const [entry] = last.header.beaconEntries
  return {
    MinerPower: String(power),
    NetworkPower: String(await networkPower(view, tipSet)),
    Sectors: await sectorRefs(get, miner),
    WorkerKey: addressJson(view.chain.state.accounts.get(info.worker)!),
    SectorSize: info.sectorSizeBytes,
    PrevBeaconEntry: entry ? { Round: entry.round, Data: bytesJson(entry.data) } : { Round: 0, Data: bytesJson(beacon.at(0)) },
    BeaconEntries: [],
    EligibleForMining: false,
  }
}

/** Sectors as those who make blocks are asked about them. */
async function sectorRefs(get: Get, miner: MinerView): Promise<unknown[]> {
  const sectors: unknown[] = []
  for (const sector of await collect(get, miner, active)) {
    const bytes = await findInAmt(get, miner.state.sectors, sector)
    const sealedCid = bytes && decodeSectorOnChain(bytes).sealedCid
    if (sealedCid) sectors.push({ SealProof: DEVNET_PROOF, SectorNumber: sector, SectorKey: null, SealedCID: cidJson(sealedCid) })
  }
  return sectors
}

async function sectorsOf(get: Get, miner: MinerView, choose: (partition: Part) => Iterable<number>): Promise<unknown[]> {
  const sectors: unknown[] = []
  for (const sector of await collect(get, miner, choose)) {
    const bytes = await findInAmt(get, miner.state.sectors, sector)
    if (bytes) sectors.push(sectorJson(bytes))
  }
  return sectors
}

/** Methods about storage providers, at the tipset that is named. */
export function minerMethods(view: NodeView, { beacon, rules }: { beacon: Beacon; rules: Rules }): Methods {
  const get: Get = (cid) => view.chain.get(cid)
  const at = async (address: unknown, key: unknown) => await minerAt(view, tipSetOf(view, key), address)
  const numbers = async (address: unknown, key: unknown, choose: (partition: Part) => Iterable<number>) =>
    bitfieldJson(bitfieldOf(await collect(get, await at(address, key), choose)))
  return {
    StateMinerInfo: async ([address, key]) => infoJson(infoOf(get, await at(address, key))),
    StateMinerPower: async ([address, key]) => {
      const tipSet = tipSetOf(view, key)
      return {
        MinerPower: powerJson(await powerOf(get, await minerAt(view, tipSet, address))),
        TotalPower: powerJson(await networkPower(view, tipSet)),
        HasMinPower: false,
      }
    },
    StateMinerProvingDeadline: async ([address, key]) => {
      const tipSet = tipSetOf(view, key)
      return provingDeadline(await minerAt(view, tipSet, address), tipSet.header.height, rules)
    },
    StateMinerFaults: ([address, key]) => numbers(address, key, ({ faults }) => numbersOf(faults)),
    StateMinerRecoveries: ([address, key]) => numbers(address, key, ({ recoveries }) => numbersOf(recoveries)),
    StateMinerSectorCount: async ([address, key]) => {
      const miner = await at(address, key)
      const count = async (choose: (partition: Part) => Iterable<number>) => (await collect(get, miner, choose)).length
      return { Live: await count(live), Active: await count(active), Faulty: await count(({ faults }) => numbersOf(faults)) }
    },
    StateMinerSectors: async ([address, , key]) => await sectorsOf(get, await at(address, key), live),
    StateMinerActiveSectors: async ([address, key]) => await sectorsOf(get, await at(address, key), active),
    StateMinerPartitions: async ([address, deadline, key]) => {
      const partitions = (await partitionsIn(get, await at(address, key)))[whole(deadline)] ?? []
      return partitions.map((partition) => ({
        AllSectors: bitfieldJson(partition.sectors),
        FaultySectors: bitfieldJson(partition.faults),
        RecoveringSectors: bitfieldJson(partition.recoveries),
        LiveSectors: bitfieldJson(bitfieldOf(live(partition))),
        ActiveSectors: bitfieldJson(bitfieldOf(active(partition))),
      }))
    },
    StateSectorPartition: async ([address, sector, key]) => {
      const place = await findSectorPlace(get, (await at(address, key)).state, whole(sector))
      if (!place) throw new LotusError(`could not find sector ${sector} in any deadline`)
      return { Deadline: place.deadline, Partition: place.partition }
    },
    StateSectorGetInfo: async ([address, sector, key]) => {
      const bytes = await findInAmt(get, (await at(address, key)).state.sectors, whole(sector))
      return bytes ? sectorJson(bytes) : null
    },
    MinerGetBaseInfo: async (params) => await baseInfo(view, beacon, params),
  }
}
