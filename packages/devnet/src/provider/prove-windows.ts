import { existsSync } from 'node:fs'
import {
  deadlinesPerPeriod,
  decodeMinerState,
  decodePartition,
  listDeadlines,
  type MinerState,
  type Partition,
  partitionsOf,
} from '@keepsake/filecoin/actors/miner.ts'
import { amtEntries } from '@keepsake/filecoin/amt.ts'
import { bitfieldOf, decodeBitfield, has, numbersOf } from '@keepsake/filecoin/bitfield.ts'
import { type GetBlock, requireBlock } from '@keepsake/filecoin/blocks.ts'
import { CborReader } from '@keepsake/filecoin/cbor/reader.ts'
import { blocksOf, chainHead } from '@keepsake/filecoin/rpc/chain.ts'
import { beaconEntry, getActor } from '@keepsake/filecoin/rpc/state.ts'
import type { TipSet } from '@keepsake/filecoin/rpc/tip-set.ts'
import { defaultRules } from '../actors/rules.ts'
import { ticketRandomness } from '../chain/randomness.ts'
import { encodeLeafProofs, type SectorLeafProofs } from '../messages/leaf-proofs.ts'
import { miner } from '../messages/methods.ts'
import { DEVNET_PROOF } from '../messages/proof-types.ts'
import { encodeSectorSets } from '../messages/sector-sets.ts'
import { encodeWindowPostParams } from '../messages/window-post.ts'
import { isHeld } from './compare-with-chain.ts'
import type { HeldDeal } from './held-deals.ts'
import { minerOf, type ProviderParts, pieceOf, piecePath } from './parts.ts'
import { proveStored } from './stored-piece.ts'

/** A partition and where it is. */
interface PlacedPartition extends Partition {
  deadline: number
  index: number
}

/** A proof that was sent and is not on the chain after so many epochs is made anew, for the chain as it is then. */
const patienceEpochs = 6
const blocksKept = 2_000

/**
 * Proves what this provider holds, window after window, out of the bytes on its disk; declares faulty what it cannot prove, and recovered what it can prove
 * again.
 */
export function windowProver(parts: ProviderParts): (signal: AbortSignal) => Promise<void> {
  /** Epoch of the last try, by window and epoch in which it opened. */
  const tried = new Map<string, number>()
  const get = cached(blocksOf(parts.rpc))
  return async (signal) => {
    const head = await chainHead(parts.rpc, { signal })
    const actor = await getActor(parts.rpc, minerOf(parts), { signal })
    const state = decodeMinerState(requireBlock(actor.head, await get(actor.head)))
    const partitions = await listPartitions(get, state)
    await declare(parts, partitions, { epoch: head.height, tried }, signal)
    for (const [deadline, group] of Map.groupBy(partitions, (partition) => partition.deadline)) {
      const opened = openedAt(state, deadline, head.height)
      // Towards the end of its time a proof could come too late to count.
      if (head.height - opened >= defaultRules.proofGraceEpochs - 2) continue
      const key = `${deadline} ${opened}`
      if (head.height - (tried.get(key) ?? -patienceEpochs) < patienceEpochs) continue
      tried.set(key, head.height)
      if (!(await isProven(get, state, deadline, group))) await prove(parts, { deadline, opened, group, head }, signal)
    }
    for (const [key, epoch] of tried) if (head.height - epoch > deadlinesPerPeriod) tried.delete(key)
  }
}

/** Blocks never change, so those that were read are kept for a while. */
function cached(get: GetBlock): GetBlock {
  const kept = new Map<string, Uint8Array>()
  return async (cid) => {
    const key = cid.toString()
    const found = kept.get(key) ?? (await get(cid))
    if (found) kept.set(key, found)
    for (const oldest of kept.keys()) if (kept.size > blocksKept) kept.delete(oldest)
    return found
  }
}

async function listPartitions(get: GetBlock, state: MinerState): Promise<PlacedPartition[]> {
  const found: PlacedPartition[] = []
  for (const [deadline, cid] of (await listDeadlines(get, state)).entries()) {
    const root = partitionsOf(requireBlock(cid, await get(cid)))
    for await (const { index, value } of amtEntries(get, root)) found.push({ deadline, index, ...decodePartition(value) })
  }
  return found
}

/** The last epoch at which a window opened: each opens for one epoch of the proving period. */
function openedAt({ provingPeriodStart }: MinerState, deadline: number, epoch: number): number {
  const since = (((epoch - provingPeriodStart - deadline) % deadlinesPerPeriod) + deadlinesPerPeriod) % deadlinesPerPeriod
  return epoch - since
}

/** Whether the chain has a proof of every partition of a window already. */
async function isProven(get: GetBlock, state: MinerState, deadline: number, group: readonly PlacedPartition[]): Promise<boolean> {
  const cid = (await listDeadlines(get, state))[deadline]!
  const reader = new CborReader(requireBlock(cid, await get(cid)))
  reader.readArray()
  reader.skip()
  reader.skip()
  const proven = decodeBitfield(reader.readBytes())
  return group.every(({ index }) => has(proven, index))
}

interface Window {
  deadline: number
  opened: number
  group: readonly PlacedPartition[]
  head: TipSet
}

/** Sectors of a partition that a proof has to show, in order. */
function toProve({ sectors, terminated, faults, recoveries }: Partition): number[] {
  return [...numbersOf(sectors)].filter((sector) => !has(terminated, sector) && (!has(faults, sector) || has(recoveries, sector)))
}

async function prove(parts: ProviderParts, { deadline, opened, group, head }: Window, signal: AbortSignal): Promise<void> {
  const { outbox, rpc, tell } = parts
  const beacon = await beaconEntry(rpc, opened, { signal })
  const shown: SectorLeafProofs[] = []
  const partitions: { index: number; skipped: ReturnType<typeof bitfieldOf> }[] = []
  for (const partition of group) {
    const skipped: number[] = []
    const provenHere: SectorLeafProofs[] = []
    for (const sector of toProve(partition)) {
      const proof = await proveSector(parts, sector, beacon)
      if (proof) provenHere.push(proof)
      else skipped.push(sector)
    }
    if (provenHere.length === 0) continue
    shown.push(...provenHere)
    partitions.push({ index: partition.index, skipped: bitfieldOf(skipped) })
  }
  if (shown.length === 0) return
  const params = encodeWindowPostParams({
    deadline,
    partitions,
    proofs: [{ type: DEVNET_PROOF, bytes: encodeLeafProofs(shown) }],
    chainCommitEpoch: head.height,
    chainCommitRandomness: ticketRandomness(head.blocks[0]!.ticket!),
  })
  await outbox.send({ to: minerOf(parts), method: miner.submitWindowedPoSt, params }, async () => {}, signal)
  tell(`proves ${shown.length} sectors in window ${deadline}, which opened in epoch ${opened}`)
}

function findHeld({ deals }: ProviderParts, sector: number): HeldDeal | undefined {
  return deals.list().find((held) => held.sector === sector && isHeld(held))
}

function isStored(parts: ProviderParts, sector: number): boolean {
  const deal = findHeld(parts, sector)
  return deal !== undefined && existsSync(piecePath(parts, deal))
}

/** Undefined where it cannot be proven: the bytes are gone or damaged, or the provider was told to be faulty. */
async function proveSector(parts: ProviderParts, sector: number, beacon: Uint8Array): Promise<SectorLeafProofs | undefined> {
  const { mood, actorId, tell } = parts
  const deal = findHeld(parts, sector)
  if (!deal || mood.now().isFaulty) return undefined
  const { height } = pieceOf(deal)
  try {
    return {
      sector,
      pieces: [await proveStored(piecePath(parts, deal), { beacon, provider: actorId, sector, piece: 0, height })],
    }
  } catch (error) {
    tell(`cannot prove sector ${sector}: ${(error as Error).message}`)
    return undefined
  }
}

/** Says of sectors that they are faulty before the chain finds out, and of faulty ones that they will be proven again. */
async function declare(
  parts: ProviderParts,
  partitions: readonly PlacedPartition[],
  { epoch, tried }: { epoch: number; tried: Map<string, number> },
  signal: AbortSignal,
): Promise<void> {
  const { mood, outbox } = parts
  const { isFaulty } = mood.now()
  const isNamed = isFaulty
    ? (partition: Partition, sector: number) => !has(partition.faults, sector)
    : (partition: Partition, sector: number) =>
        has(partition.faults, sector) && !has(partition.recoveries, sector) && isStored(parts, sector)
  const sets = partitions.map((partition) => ({
    deadline: partition.deadline,
    partition: partition.index,
    sectors: bitfieldOf(
      [...numbersOf(partition.sectors)].filter((sector) => !has(partition.terminated, sector) && isNamed(partition, sector)),
    ),
  }))
  const wanted = sets.filter(({ sectors }) => sectors.length > 0)
  const key = isFaulty ? 'faults' : 'recoveries'
  if (wanted.length === 0 || epoch - (tried.get(key) ?? -patienceEpochs) < patienceEpochs) return
  tried.set(key, epoch)
  const method = isFaulty ? miner.declareFaults : miner.declareFaultsRecovered
  await outbox.send({ to: minerOf(parts), method, params: encodeSectorSets(wanted) }, async () => {}, signal)
  parts.tell(isFaulty ? 'declares its sectors faulty' : 'says that it proves its faulty sectors again')
}
