import { useEffect, useRef } from 'react'
import UPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { type Colours, useColours } from './use-colours.ts'

export interface Series {
  label: string
  values: number[]
  colour: keyof Colours
  /** Lengths of dashes and gaps, so that lines can be told apart without colours. */
  dash?: number[]
}

interface Props {
  /** What it shows, for whoever does not see it; the numbers are in the table beside it. */
  label: string
  /** Days, `2026-11-22`. */
  days: string[]
  series: Series[]
  /** A value as text, for the axis. */
  format: (value: number) => string
  /** Distances there may be between two lines of the grid. */
  steps: number[]
}

/** Steps of things that are counted. */
export const countSteps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 1e7, 1e8]
/** Steps of bytes. */
export const byteSteps = Array.from({ length: 50 }, (_, power) => 2 ** power)

const height = 240
/** With fewer days than this each is marked; with more the marks would be all one sees. */
const markedDays = 45
const daySteps = [1, 2, 7, 14, 30, 60, 90].map((days) => days * 86_400)

/** A single day alone is shown at the end of so many. */
const shortestSeconds = 13 * 86_400

/** Lines over time, drawn by uPlot on a canvas, in the colours of the page. */
export function Chart({ label, days, series, format, steps }: Props) {
  const place = useRef<HTMLDivElement>(null)
  const colours = useColours()
  useEffect(() => {
    const element = place.current
    if (!element) return
    const chart = new UPlot(
      optionsOf({ days, series, format, steps }, colours, element.clientWidth),
      dataOf(days, series),
      element,
    )
    const resize = new ResizeObserver(() => chart.setSize({ width: element.clientWidth, height }))
    resize.observe(element)
    return () => {
      resize.disconnect()
      chart.destroy()
    }
  }, [days, series, format, steps, colours])
  return (
    <figure className="chart">
      <div ref={place} role="img" aria-label={label} className="chart-canvas" />
      {series.length > 1 && (
        <figcaption>
          {series.map(({ label: name, colour, dash }) => (
            <span key={name} className="chart-key">
              <svg width="34" height="8" aria-hidden="true">
                <line x1="0" x2="34" y1="4" y2="4" stroke={colours[colour]} strokeWidth="2.5" strokeDasharray={dash?.join(' ')} />
              </svg>
              {name}
            </span>
          ))}
        </figcaption>
      )}
    </figure>
  )
}

function dataOf(days: string[], series: Series[]): UPlot.AlignedData {
  return [days.map((day) => Date.parse(day) / 1000), ...series.map(({ values }) => values)]
}

function optionsOf({ days, series, format, steps }: Omit<Props, 'label'>, colours: Colours, width: number): UPlot.Options {
  const axis = {
    stroke: colours.inkSoft,
    font: '12px "Instrument Sans Variable", sans-serif',
    grid: { stroke: colours.line, width: 1 },
    ticks: { stroke: colours.line, width: 1 },
  }
  const last = Date.parse(days.at(-1) ?? '') / 1000
  const date = new Intl.DateTimeFormat('en', { day: 'numeric', month: 'short', timeZone: 'UTC' })
  return {
    width,
    height,
    legend: { show: false },
    cursor: { show: false },
    scales: {
      // Of a single day uPlot makes years.
      x: { time: true, range: (_chart, low) => [Math.min(low, last - shortestSeconds), last] },
      y: { range: (_chart, _low, high) => [0, Math.max(high * 1.08, 1)] },
    },
    axes: [
      { ...axis, space: 80, incrs: daySteps, values: (_chart, at) => at.map((seconds) => date.format(seconds * 1000)) },
      { ...axis, size: 80, space: 36, incrs: steps, values: (_chart, at) => at.map(format) },
    ],
    series: [
      {},
      ...series.map(({ label, colour, dash }) => ({
        label,
        stroke: colours[colour],
        width: 2,
        points: { show: days.length <= markedDays, size: 5, fill: colours[colour] },
        ...(dash && { dash }),
        ...(series.length === 1 && { fill: `${colours[colour]}22` }),
      })),
    ],
    tzDate: (seconds) => UPlot.tzDate(new Date(seconds * 1000), 'UTC'),
  }
}
