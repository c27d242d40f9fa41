import type { AggregateLayout } from '@keepsake/content/aggregate/recipe.ts'
import { indexEntries } from '@keepsake/content/aggregate/segments/index-area.ts'
import { heightFor } from '@keepsake/content/piece/piece.ts'
import type { Config } from '../config.ts'

/** By what numbers contents are packed. */
export interface PackingRules {
  layout: AggregateLayout
  /** An aggregate is filled to so many bytes, never over. */
  targetBytes: number
  /** One that holds less is not full, however little else fits. */
  minBytes: number
  /** How long a content is left alone after it is complete. */
  settleMs: number
  /** The longest a content waits, counted from when it was complete. */
  forceMs: number
  maxItems: number
  maxBlocks: number
}

type Numbers = Pick<PackingRules, 'targetBytes' | 'minBytes' | 'settleMs' | 'forceMs'>

const minuteMs = 60_000
const hourMs = 60 * minuteMs

const profiles: Record<Exclude<Config['AGGREGATE_PROFILE'], 'off'>, Numbers> = {
  // What fits the largest piece that proof of data possession takes, soon enough to watch.
  trial: { targetBytes: 1_060_000_000, minBytes: 0, settleMs: 5_000, forceMs: 30_000 },
  // Half a piece and a byte: less would fit a smaller piece.
  'pdp-1gib': { targetBytes: 1_060_000_000, minBytes: 532_676_609, settleMs: 10 * minuteMs, forceMs: 12 * hourMs },
  // What nft.storage used in 2021.
  'sector-32gib': { targetBytes: 34_000_000_000, minBytes: 17_045_651_457, settleMs: hourMs, forceMs: 12 * hourMs },
}

/** Both layouts stay quick with so many; the index of smaller pieces has room for fewer. */
const maxItems = 100_000
/** What is known of a block while an aggregate is built and validated takes some 100 bytes of memory. */
const maxBlocks = 1_000_000

/** Undefined where nothing is to be packed. */
export function packingRules(config: Config): PackingRules | undefined {
  if (config.AGGREGATE_PROFILE === 'off') return undefined
  const profile = profiles[config.AGGREGATE_PROFILE]
  const targetBytes = config.AGGREGATE_TARGET_BYTES ?? profile.targetBytes
  const seconds = (given: number | undefined, otherwise: number) => (given === undefined ? otherwise : given * 1000)
  return {
    layout: config.AGGREGATE_LAYOUT,
    targetBytes,
    minBytes: Math.min(config.AGGREGATE_MIN_BYTES ?? profile.minBytes, targetBytes),
    settleMs: seconds(config.AGGREGATE_SETTLE_SECONDS, profile.settleMs),
    forceMs: seconds(config.AGGREGATE_FORCE_SECONDS, profile.forceMs),
    maxItems: config.AGGREGATE_LAYOUT === 'segments' ? Math.min(maxItems, indexEntries(heightFor(targetBytes))) : maxItems,
    maxBlocks,
  }
}
