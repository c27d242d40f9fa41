import type { RunRecord } from './run-record.ts'
import { stageNames } from './stages.ts'

const [width, height, left] = [720, 180, 48]
/** The newest; more would be thinner than a line. */
const maxRuns = 100
const maxColumnWidth = 40

/** One for each stage, from yellow to purple: red is for what failed. Neighbours differ in black and white, too. */
const shade = (at: number) => `hsl(${60 + Math.round((at / stageNames.length) * 240)} 55% ${at % 2 === 0 ? 62 : 42}%)`

/** Where the time went: a column for each run, a block for each stage, the first at the bottom. `seconds` writes a time. */
export function runColumns(runs: readonly RunRecord[], seconds: (ms: number) => string): string {
  const shown = runs.slice(-maxRuns)
  const most = Math.max(...shown.flatMap(({ stages }) => stages.map(({ atMs }) => atMs)), 1000)
  const step = Math.min((width - left) / shown.length, maxColumnWidth)
  const y = (ms: number) => height - (ms / most) * height
  const blocks = shown.flatMap(({ stages }, index) =>
    stages.map(({ stage, outcome, atMs, tookMs }) => {
      const place = `x="${(left + index * step + step * 0.1).toFixed(1)}" y="${y(atMs).toFixed(1)}" width="${(step * 0.8).toFixed(1)}" height="${((tookMs / most) * height).toFixed(1)}"`
      const fill = outcome === 'failed' ? 'var(--bad)' : shade(stageNames.indexOf(stage))
      return `<rect ${place} style="fill:${fill}"><title>${stage}: ${seconds(tookMs)}${outcome === 'failed' ? ', failed' : ''}</title></rect>`
    }),
  )
  const grid = [0, most / 2, most].map(
    (ms) =>
      `<line x1="${left}" x2="${width}" y1="${y(ms)}" y2="${y(ms)}" stroke="var(--line)"/><text x="${left - 8}" y="${y(ms) + 4}" text-anchor="end">${seconds(ms)}</text>`,
  )
  const legend = stageNames.map((stage, at) => `<span><i style="background:${shade(at)}"></i>${stage}</span>`)
  return `<svg viewBox="0 -8 ${width} ${height + 16}" role="img" aria-label="Time of each stage of ${shown.length} runs">${grid.join('')}${blocks.join('')}</svg>
<p class="legend">${legend.join('')}<span><i style="background:var(--bad)"></i>failed</span></p>`
}
