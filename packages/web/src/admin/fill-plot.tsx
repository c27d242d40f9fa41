import type { Aggregate } from '@keepsake/api/aggregates.ts'
import { formatBytes } from '../ui/format.ts'

interface Props {
  /** The newest first. */
  aggregates: readonly Aggregate[]
  targetBytes: number
}

/** A bar shorter than this cannot be seen. */
const minShare = 0.02
/** Where all hold less of the target than this, as while trying it out, they are compared with each other. */
const minShareOfTarget = 0.05

/** How full each aggregate is, the oldest first: a bar for each, the target on top. The numbers are in the list below. */
export function FillPlot({ aggregates, targetBytes }: Props) {
  const oldestFirst = [...aggregates].reverse()
  const largest = Math.max(1, ...aggregates.map(({ sizeBytes }) => sizeBytes))
  const topBytes = largest < targetBytes * minShareOfTarget ? largest : targetBytes
  const mean = oldestFirst.reduce((sum, { sizeBytes }) => sum + sizeBytes / targetBytes, 0) / Math.max(1, oldestFirst.length)
  const label = `How full the last ${oldestFirst.length} aggregates are: ${Math.round(mean * 100)} % of the target on average.`
  return (
    <figure className="fill-plot">
      <div role="img" aria-label={label} className="fill-bars">
        {oldestFirst.map((aggregate) => (
          <span
            key={aggregate.id}
            className={`fill-bar aggregate-${aggregate.state}`}
            title={`No. ${aggregate.id}: ${formatBytes(aggregate.sizeBytes)}`}
            style={{ blockSize: `${100 * Math.min(1, Math.max(minShare, aggregate.sizeBytes / topBytes))}%` }}
          />
        ))}
      </div>
      <figcaption className="field-hint">
        {label} The target is {formatBytes(targetBytes)}; the whole height {formatBytes(topBytes)}.
      </figcaption>
    </figure>
  )
}
