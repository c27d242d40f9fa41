import { decodeSectorInfo, listDeadlines } from '@keepsake/filecoin/actors/miner.ts'
import { amtEntries } from '@keepsake/filecoin/amt.ts'
import { buildAmt } from '@keepsake/filecoin/amt-build.ts'
import { bigInt } from '@keepsake/filecoin/big-int.ts'
import { bitfieldOf, decodeBitfield, encodeBitfield, numbersOf } from '@keepsake/filecoin/bitfield.ts'
import { type GetBlock, type PutBlock, requireBlock } from '@keepsake/filecoin/blocks.ts'
import { CborReader, decodeAll } from '@keepsake/filecoin/cbor/reader.ts'
import { boolean, byteString, encode, integer, link, tuple } from '@keepsake/filecoin/cbor/writer.ts'
import { hamtEntries } from '@keepsake/filecoin/hamt.ts'
import { buildHamt } from '@keepsake/filecoin/hamt-build.ts'
import type { CID } from 'multiformats/cid'
import { readSectorPreCommit, type SectorPreCommit, sectorPreCommitPiece } from '../messages/pre-commit.ts'
import { type ChainArray, chainArray } from './array.ts'
import { type ChainDeadline, loadDeadline, saveDeadline } from './deadline.ts'
import { numberKey } from './keys.ts'
import { decodeProviderInfo, encodeProviderInfo, type ProviderInfo } from './miner-info.ts'

const sectorsWidth = 5

/** The actor of a storage provider. */
export interface MinerActor {
  info: ProviderInfo
  preCommits: Map<number, { said: SectorPreCommit; epoch: number }>
  /** Numbers of sectors that were ever used. */
  allocated: Set<number>
  /** `SectorOnChainInfo` by number. */
  sectors: ChainArray
  deadlines: ChainDeadline[]
  provingPeriodStart: number
  currentDeadline: number
}

export function expirationOf({ sectors }: MinerActor, sector: number): number {
  return decodeSectorInfo(sectors.get(sector)!).expiration
}

/** The form of actors v13: 15 fields. */
export function saveMiner(put: PutBlock, miner: MinerActor): CID {
  const { info, preCommits } = miner
  const nil = bigInt(0n)
  const waiting = Array.from(preCommits.values(), ({ said, epoch }) => ({
    key: numberKey(said.sector),
    value: encode(tuple(sectorPreCommitPiece(said), nil, integer(epoch))),
  }))
  const deadlines = miner.deadlines.map((deadline) =>
    link(saveDeadline(put, deadline, (sector) => expirationOf(miner, sector), info.sectorSizeBytes)),
  )
  return put(
    encode(
      tuple(
        link(put(encodeProviderInfo(info))),
        nil,
        nil,
        link(put(encode(tuple(tuple())))),
        nil,
        nil,
        link(buildHamt(put, waiting)),
        link(buildAmt(put, [], sectorsWidth)),
        link(put(encode(byteString(encodeBitfield(bitfieldOf(miner.allocated)))))),
        link(miner.sectors.save(put)),
        integer(miner.provingPeriodStart),
        integer(miner.currentDeadline),
        link(put(encode(tuple(tuple(...deadlines))))),
        byteString(encodeBitfield([])),
        boolean(miner.sectors.size > 0),
      ),
    ),
  )
}

export async function loadMiner(get: GetBlock, head: CID): Promise<MinerActor> {
  const block = async (cid: CID) => requireBlock(cid, await get(cid))
  const reader = new CborReader(await block(head))
  reader.readTuple(15, 'A miner state')
  const info = decodeProviderInfo(await block(reader.readCid()))
  for (let skipped = 0; skipped < 5; skipped++) reader.skip()
  const preCommits: MinerActor['preCommits'] = new Map()
  for await (const { value } of hamtEntries(get, reader.readCid())) {
    const entry = new CborReader(value)
    entry.readTuple(3, 'A pre-commitment')
    const said = readSectorPreCommit(entry)
    entry.skip()
    preCommits.set(said.sector, { said, epoch: entry.readInt() })
  }
  reader.skip()
  const allocated = decodeAll(await block(reader.readCid()), (field) => decodeBitfield(field.readBytes()))
  const sectors = await Array.fromAsync(amtEntries(get, reader.readCid()))
  const [provingPeriodStart, currentDeadline, deadlines] = [reader.readInt(), reader.readUint(), reader.readCid()]
  const cids = await listDeadlines(get, { deadlines } as Parameters<typeof listDeadlines>[1])
  return {
    info,
    preCommits,
    allocated: new Set(numbersOf(allocated)),
    sectors: chainArray(sectorsWidth, sectors),
    deadlines: await Promise.all(cids.map((cid) => loadDeadline(get, cid))),
    provingPeriodStart,
    currentDeadline,
  }
}
