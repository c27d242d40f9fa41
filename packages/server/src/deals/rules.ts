import type { Config } from '../config.ts'
import type { LeastStanding } from '../providers/retrieval-records.ts'
import { leastStandingOf } from '../providers/rules.ts'

/** Epochs of 30 seconds; where they are shorter, hours and days of deals pass more quickly. */
export const epochsPerHour = 120
export const epochsPerDay = 24 * epochsPerHour

/** What is proposed, and what follows when a deal ends. Times are in epochs. */
export interface DealRules {
  startEpochs: number
  durationEpochs: number
  isVerified: boolean
  collateralPercent: number
  label: 'root' | 'piece'
  /** A deal that ends within so many epochs is to be renewed; undefined where none is. */
  renewEpochs: number | undefined
  /** After the first failure with a piece. */
  againEpochs: number
  maxAgainEpochs: number
  /** With a provider of a worse standing nothing is renewed. */
  leastStanding: LeastStanding
}

const maxAgainDays = 30

export function dealRules(config: Config): DealRules {
  return {
    startEpochs: config.DEAL_START_HOURS * epochsPerHour,
    durationEpochs: config.DEAL_DURATION_DAYS * epochsPerDay,
    isVerified: config.DEAL_VERIFIED === 'yes',
    collateralPercent: config.DEAL_COLLATERAL_PERCENT,
    label: config.DEAL_LABEL,
    renewEpochs: config.DEAL_RENEW === 'yes' ? config.DEAL_ENDING_DAYS * epochsPerDay : undefined,
    againEpochs: config.DEAL_AGAIN_HOURS * epochsPerHour,
    maxAgainEpochs: maxAgainDays * epochsPerDay,
    leastStanding: leastStandingOf(config),
  }
}

/** How long a provider waits for a piece it failed with, in epochs: twice as long each time. `failures`: with this piece, at least 1. */
export function againAfter(rules: Pick<DealRules, 'againEpochs' | 'maxAgainEpochs'>, failures: number): number {
  return Math.min(rules.againEpochs * 2 ** Math.max(0, failures - 1), rules.maxAgainEpochs)
}
