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
  /** A value as text, for the axis and the legend. */
  format: (value: number) => string
}

const height = 240
/** With fewer days than this each is marked; with more the marks would be all one sees. */
const markedDays = 45

/** Lines over time, drawn by uPlot on a canvas, in the colours of the page. */
export function Chart({ label, days, series, format }: Props) {
  const place = useRef<HTMLDivElement>(null)
  const colours = useColours()
  useEffect(() => {
    const element = place.current
    if (!element) return
    const chart = new UPlot(optionsOf({ days, series, format }, colours, element.clientWidth), dataOf(days, series), element)
    const resize = new ResizeObserver(() => chart.setSize({ width: element.clientWidth, height }))
    resize.observe(element)
    return () => {
      resize.disconnect()
      chart.destroy()
    }
  }, [days, series, format, colours])
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

function optionsOf({ days, series, format }: Omit<Props, 'label'>, colours: Colours, width: number): UPlot.Options {
  const axis = {
    stroke: colours.inkSoft,
    font: '12px "Instrument Sans Variable", sans-serif',
    grid: { stroke: colours.line, width: 1 },
    ticks: { stroke: colours.line, width: 1 },
  }
  const date = new Intl.DateTimeFormat('en', { day: 'numeric', month: 'short', timeZone: 'UTC' })
  const first = Date.parse(days[0] ?? '') / 1000
  const last = Date.parse(days.at(-1) ?? '') / 1000
  return {
    width,
    height,
    legend: { show: false },
    cursor: { show: false },
    // One day alone still needs a width.
    scales: {
      x: { time: true, range: () => (first === last ? [first - 43_200, last + 43_200] : [first, last]) },
      y: { range: (_chart, _low, high) => [0, Math.max(high * 1.08, 1)] },
    },
    axes: [
      {
        ...axis,
        space: 80,
        values: (_chart, at) => at.map((seconds) => (seconds % 86_400 === 0 ? date.format(seconds * 1000) : '')),
      },
      { ...axis, size: 70, values: (_chart, at) => at.map((value) => (Number.isInteger(value) ? format(value) : '')) },
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
