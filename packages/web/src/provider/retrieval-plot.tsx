import type { RetrievalHistory } from '@keepsake/api/retrievals.ts'
import { formatCount, formatInstant } from '../ui/format.ts'

const height = 32
const barWidth = 6
const gap = 2
/** So that a bar of nothing is seen. */
const least = 3

type Step = RetrievalHistory['steps'][number]

/** As the standing is told: at least 95 % is good, at least 70 % shaky. */
function lookOf({ checks, verified }: Step): 'good' | 'shaky' | 'poor' {
  const share = verified / checks
  return share >= 0.95 ? 'good' : share >= 0.7 ? 'shaky' : 'poor'
}

/** The share of checks that went well over time: a bar for each step, none where nothing was asked for. */
export function RetrievalPlot({ history, provider }: { history: RetrievalHistory; provider: string }) {
  const { stepSeconds, stepCount, endsAt, steps } = history
  const begin = Date.parse(endsAt) - stepCount * stepSeconds * 1000
  const width = stepCount * (barWidth + gap)
  return (
    <svg
      className="retrieval-plot"
      viewBox={`0 0 ${width} ${height}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={describe(history, provider)}
    >
      <line className="retrieval-ground" x1="0" x2={width} y1={height - 0.5} y2={height - 0.5} />
      {steps.map((step) => {
        const at = Math.round((Date.parse(step.at) - begin) / 1000 / stepSeconds)
        const tall = Math.max(least, (height - 1) * (step.verified / step.checks))
        return (
          <rect
            key={step.at}
            className={`retrieval-${lookOf(step)}`}
            x={at * (barWidth + gap)}
            y={height - tall}
            width={barWidth}
            height={tall}
          >
            <title>{`${formatInstant(step.at)}: ${formatCount(step.verified)} of ${formatCount(step.checks)} went well`}</title>
          </rect>
        )
      })}
    </svg>
  )
}

function describe({ steps, stepCount, stepSeconds }: RetrievalHistory, provider: string): string {
  const checks = steps.reduce((sum, step) => sum + step.checks, 0)
  const verified = steps.reduce((sum, step) => sum + step.verified, 0)
  const bad = steps.filter((step) => lookOf(step) !== 'good').length
  return `${provider} over the last ${spanText(stepCount * stepSeconds)}: ${formatCount(verified)} of ${formatCount(checks)} checks went well${bad > 0 ? `; failures in ${bad} of ${steps.length} bars` : ''}.`
}

/** How far a plot reaches back: `4 hours`, `14 days`. */
export function spanText(seconds: number): string {
  const hours = Math.round(seconds / 3600)
  return hours < 48 ? `${hours} hours` : `${Math.round(hours / 24)} days`
}
