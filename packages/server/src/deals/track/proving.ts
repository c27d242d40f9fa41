import type { SectorInfo, SectorPlace } from '@keepsake/filecoin/actors/miner.ts'
import type { DealTable } from '../../database/schema-filecoin.ts'
import type { TrackedDeal } from './store.ts'

/** When every sector has to be proven. Constants of a network. */
export interface ProvingRules {
  /** Epochs from one window of a deadline to its next. */
  periodEpochs: number
  /** Epochs from the opening of one deadline's window to that of the next deadline. */
  strideEpochs: number
  /** Epochs a window is open. */
  windowEpochs: number
  /** Whether a sector that is not faulty after a window was proven in it. On a devnet that was stopped meanwhile, nobody is blamed. */
  isSilenceProof: boolean
}

/** A period is a day, everywhere but on our devnets. */
export function provingRulesOf({ isDevnet }: { isDevnet: boolean }): ProvingRules {
  return isDevnet
    ? { periodEpochs: 48, strideEpochs: 1, windowEpochs: 24, isSilenceProof: false }
    : { periodEpochs: 2_880, strideEpochs: 60, windowEpochs: 60, isSilenceProof: true }
}

/** What a provider's state at one tipset says of the sector a deal is in. */
export interface SectorWord {
  /** Of the tipset. */
  epoch: number
  provingPeriodStart: number
  /** Undefined once the provider has no such sector. */
  info: SectorInfo | undefined
  /** Undefined while no partition has it. */
  place: SectorPlace | undefined
}

/** How it stands with the proofs of a deal. */
export interface ProvingStanding {
  proving: NonNullable<DealTable['proving']>
  /** Why not, for people; null where it is proving. */
  reason: string | null
  deadline: number | null
  partition: number | null
  provingSinceEpoch: number | null
  /** When the window opened in which it was proven last. */
  lastProvenEpoch: number | null
}

/** The epoch at which the window of a deadline opened that has opened last, no later than `until`. */
function lastOpening(
  { provingPeriodStart }: Pick<SectorWord, 'provingPeriodStart'>,
  { deadline, until }: { deadline: number; until: number },
  { periodEpochs, strideEpochs }: ProvingRules,
): number {
  const opening = provingPeriodStart + deadline * strideEpochs
  return opening + Math.floor((until - opening) / periodEpochs) * periodEpochs
}

/** The epoch at which that window of a deadline opened that closed last, as seen at `epoch`. */
export function lastClosed(
  word: Pick<SectorWord, 'epoch' | 'provingPeriodStart'>,
  deadline: number,
  rules: ProvingRules,
): number {
  // The state at a tipset is what was true after the one before.
  return lastOpening(word, { deadline, until: word.epoch - 1 - rules.windowEpochs }, rules)
}

/** When the window opened in which the sector was proven last, where this look shows it. */
function lastProvenAt(word: SectorWord, { deadline, isPosted }: SectorPlace, rules: ProvingRules): number | undefined {
  if (isPosted) return lastOpening(word, { deadline, until: word.epoch - 1 }, rules)
  return rules.isSilenceProof ? lastClosed(word, deadline, rules) : undefined
}

/**
 * A deal is proving while its sector is among those of its provider, and its partition counts it neither faulty, nor terminated, nor unproven.
 *
 * A sector that is not proven by the end of its deadline's window becomes faulty then; so one that is not faulty was proven in the last one.
 */
export function provingOf(deal: TrackedDeal, word: SectorWord, rules: ProvingRules): ProvingStanding {
  const { info, place } = word
  const at = { deadline: place?.deadline ?? null, partition: place?.partition ?? null }
  const not = (proving: 'unproven' | 'faulty', reason: string): ProvingStanding => ({
    ...at,
    proving,
    reason,
    provingSinceEpoch: null,
    lastProvenEpoch: deal.lastProvenEpoch,
  })
  if (!info) return not('faulty', `The provider has no sector ${deal.sector} any more.`)
  if (!place) return not('unproven', `Sector ${deal.sector} has no place among those that are proven yet.`)
  if (place.isTerminated) return not('faulty', `Sector ${deal.sector} was given up.`)
  if (place.isFaulty) return not('faulty', `Sector ${deal.sector} is faulty: it was not proven when it had to be.`)
  if (place.isUnproven) return not('unproven', `Sector ${deal.sector} is new and waits for its first proof.`)
  const shown = lastProvenAt(word, place, rules)
  // A window that opened before the sector was there says nothing of it.
  const last = shown !== undefined && shown >= (deal.activatedEpoch ?? 0) ? shown : undefined
  const provingSinceEpoch = deal.proving === 'proving' ? deal.provingSinceEpoch : (last ?? word.epoch)
  const lastProvenEpoch = Math.max(last ?? -1, deal.lastProvenEpoch ?? -1)
  return {
    ...at,
    proving: 'proving',
    reason: null,
    provingSinceEpoch,
    lastProvenEpoch: lastProvenEpoch < 0 ? null : lastProvenEpoch,
  }
}
