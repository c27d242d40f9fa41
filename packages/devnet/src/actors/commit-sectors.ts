import { parsePieceCid } from '@keepsake/content/piece/piece-cid.ts'
import { idOf } from '@keepsake/filecoin/address.ts'
import { decodeAll } from '@keepsake/filecoin/cbor/reader.ts'
import { challengedLeaves, decodeLeafProofs, type SectorLeafProofs, verifyLeaves } from '../messages/leaf-proofs.ts'
import { decodePreCommitParams } from '../messages/pre-commit.ts'
import { DEVNET_PROOF } from '../messages/proof-types.ts'
import {
  decodeProveCommitParams,
  encodeBatchReturn,
  type ProveCommitParams,
  type SectorManifest,
} from '../messages/prove-commit.ts'
import { encodeSectorOnChain } from '../state/sector.ts'
import { MARKET, touch } from '../state/state.ts'
import type { Execution } from './execution.ts'
import { type ActorExit, type ExitCode, exit, exitOf, require } from './exit.ts'
import { type Activation, activate, checkActivation } from './market-deals.ts'
import { addToDeadline } from './proving.ts'

/** A provider's sectors are counted up from 0; what it ever used is remembered. */
const maxSectorNumber = 1_000_000

/** Method 28 of a provider: sectors that it will prove soon. */
export function preCommitSectors({ state, epoch, rules }: Execution, provider: number, params: Uint8Array): Uint8Array {
  const miner = state.miners.get(provider)!
  const sectors = decodePreCommitParams(params)
  require(sectors.length > 0, exit.illegalArgument, 'There is no sector to commit to.')
  const numbers = new Set(sectors.map(({ sector }) => sector))
  require(numbers.size === sectors.length, exit.illegalArgument, 'A sector stands twice in the message.')
  for (const { sector, sealProof, expiration } of sectors) {
    require(!miner.allocated.has(sector), exit.illegalArgument, `Sector ${sector} was used before.`)
    require(sealProof === DEVNET_PROOF, exit.illegalArgument, `This network knows proofs of kind ${DEVNET_PROOF} only.`)
    require(sector <= maxSectorNumber, exit.illegalArgument, `Numbers of sectors end at ${maxSectorNumber}.`)
    const isShort = expiration - epoch <= rules.maxSectorEpochs
    require(isShort, exit.illegalArgument, `A sector lives for ${rules.maxSectorEpochs} epochs at most.`)
    require(expiration > epoch, exit.illegalArgument, `Sector ${sector} would have expired at epoch ${expiration}.`)
  }
  for (const said of sectors) {
    miner.allocated.add(said.sector)
    miner.preCommits.set(said.sector, { said, epoch })
  }
  touch(state, provider)
  return new Uint8Array()
}

/** Method 34 of a provider: shows that it holds the data of sectors, which become active with their deals. */
export function proveCommitSectors(execution: Execution, provider: number, params: Uint8Array): Uint8Array {
  const said = decodeProveCommitParams(params)
  require(said.sectors.length > 0, exit.illegalArgument, 'There is no sector to prove.')
  require(said.proofs.length === said.sectors.length, exit.illegalArgument, 'There is not one proof for each sector.')
  const accepted: { manifest: SectorManifest; deals: Activation[] }[] = []
  const failures: { index: number; exitCode: ExitCode }[] = []
  let failure: ActorExit | undefined
  const taken = new Set<string>()
  for (const [index, manifest] of said.sectors.entries()) {
    try {
      accepted.push({ manifest, deals: checkSector(execution, provider, manifest, said, said.proofs[index]!, taken) })
    } catch (error) {
      const reason = exitOf(error)
      failure ??= reason
      failures.push({ index, exitCode: reason.exitCode })
    }
  }
  if (failure && (accepted.length === 0 || said.requireActivationSuccess)) throw failure
  for (const { manifest, deals } of accepted) activateSector(execution, provider, manifest.sector, deals)
  return encodeBatchReturn({ successCount: accepted.length, failures })
}

/**
 * @param taken deals and sectors of the message that were seen, each of which may become active once
 * @returns the deals that become active by the sector
 */
function checkSector(
  { state, epoch, rules, beaconAt, ...rest }: Execution,
  provider: number,
  manifest: SectorManifest,
  { requireNotificationSuccess }: ProveCommitParams,
  proof: Uint8Array,
  taken: Set<string>,
): Activation[] {
  const execution = { state, epoch, rules, beaconAt, ...rest }
  const { sector, pieces } = manifest
  const preCommit = state.miners.get(provider)!.preCommits.get(sector)
  require(preCommit !== undefined, exit.notFound, `There is no pre-commitment of sector ${sector}.`)
  const challengeEpoch = preCommit.epoch + rules.preCommitDelayEpochs
  require(epoch > challengeEpoch, exit.forbidden, `Sector ${sector} can be proven after epoch ${challengeEpoch}.`)
  once(taken, `sector ${sector}`)
  checkProof(provider, manifest, beaconAt(challengeEpoch), proof)
  const deals: Activation[] = []
  for (const piece of pieces) {
    require(piece.allocation === null, exit.illegalArgument, 'This network has no verified data outside of deals.')
    for (const { address, payload } of piece.notify) {
      const sectorExpiration = preCommit.said.expiration
      try {
        require(idOf(address) === MARKET, exit.unhandledMessage, 'Only the market, f05, takes notices of pieces.')
        const dealId = decodeAll(payload, (reader) => reader.readUint())
        const activation = { provider, sector, sectorExpiration, piece, dealId }
        checkActivation(execution, activation)
        once(taken, `deal ${dealId}`)
        deals.push(activation)
      } catch (error) {
        // Without that demand the sector becomes active all the same, and the deal does not.
        if (requireNotificationSuccess) throw exitOf(error)
      }
    }
  }
  return deals
}

function once(taken: Set<string>, what: string): void {
  require(!taken.has(what), exit.illegalArgument, `The message has ${what} twice.`)
  taken.add(what)
}

function checkProof(provider: number, { sector, pieces }: SectorManifest, beacon: Uint8Array, proof: Uint8Array): void {
  const [shown, ...more] = decodeLeafProofs(proof)
  require(shown?.sector === sector && more.length === 0, exit.illegalArgument, `The proof is not of sector ${sector}.`)
  verifySector({ provider, beacon }, shown, pieces)
}

/**
 * Checks that the challenged leaves of every piece of a sector were shown.
 *
 * @throws ActorExit, ContentError `INVALID_PROOF`
 */
export function verifySector(
  { provider, beacon }: { provider: number; beacon: Uint8Array },
  shown: SectorLeafProofs,
  pieces: readonly Pick<SectorManifest['pieces'][number], 'pieceCid' | 'pieceSizeBytes'>[],
): void {
  const { sector } = shown
  require(shown.pieces.length === pieces.length, exit.illegalArgument, `Sector ${sector} has ${pieces.length} pieces.`)
  for (const [index, { pieceCid, pieceSizeBytes }] of pieces.entries()) {
    const parsed = parsePieceCid(pieceCid)
    require(parsed.version === 1, exit.illegalArgument, 'A sector names its pieces by CIDs of version 1.')
    const height = Math.log2(pieceSizeBytes / 32)
    require(Number.isInteger(height) && height >= 2, exit.illegalArgument, `No piece has ${pieceSizeBytes} bytes.`)
    const leaves = challengedLeaves({ beacon, provider, sector, piece: index, height })
    verifyLeaves({ root: parsed.root, height }, leaves, shown.pieces[index]!)
  }
}

function activateSector(execution: Execution, provider: number, sector: number, deals: readonly Activation[]): void {
  const { state, epoch } = execution
  const miner = state.miners.get(provider)!
  const { said } = miner.preCommits.get(sector)!
  miner.preCommits.delete(sector)
  const bytes = deals.reduce((sum, { piece }) => sum + piece.pieceSizeBytes, 0)
  const dealWeight = BigInt(bytes) * BigInt(said.expiration - epoch)
  const onChain = { sector, sealedCid: said.sealedCid, activation: epoch, expiration: said.expiration, dealWeight }
  miner.sectors.set(sector, encodeSectorOnChain(onChain))
  addToDeadline(miner, epoch, sector)
  for (const deal of deals) activate(execution, deal)
  touch(state, provider)
}
