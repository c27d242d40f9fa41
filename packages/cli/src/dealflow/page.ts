import { runColumns } from './run-columns.ts'
import type { CommandRecord, RunRecord } from './run-record.ts'
import { type StageName, stageNames, stageTexts } from './stages.ts'

/** All of it in one file: no script, nothing loaded from elsewhere, readable in black and white and in the dark. */
export function renderPage(runs: readonly RunRecord[]): string {
  const last = runs.at(-1)
  const body = last
    ? [summary(runs, last), trend(runs), whereTimeWent(runs), stagesOf(last), successOf(runs), commandsOf(last), runTable(runs)]
    : ['<p>No run yet.</p>']
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Deal flow</title>
<style>${style}</style>
<main>
<h1>Deal flow</h1>
${body.join('\n')}
</main>
</html>
`
}

const style = `
:root { color-scheme: light dark; --ink: #1d2330; --soft: #5b6474; --line: #d9dde5; --bar: #3558c9; --bad: #b3261e; --paper: #fff }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaf0; --soft: #a0a8b8; --line: #363d4b; --bar: #8aa5ff; --bad: #ff8a80; --paper: #14171d } }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif }
main { max-width: 60rem; margin: 0 auto; padding: 1.5rem }
h2 { margin: 2.5rem 0 .5rem; font-size: 1.15rem }
p, td, th, .note, .row > :first-child { overflow-wrap: anywhere }
.note { color: var(--soft) }
.numbers { display: flex; flex-wrap: wrap; gap: 1rem 2.5rem; margin: 1rem 0; padding: 0; list-style: none }
.numbers b { display: block; font-size: 1.75rem; line-height: 1.2 }
.row { display: grid; grid-template-columns: minmax(6rem, 12rem) 1fr 6rem; gap: .75rem; align-items: center; padding: .2rem 0 }
.row > :last-child { text-align: right; font-variant-numeric: tabular-nums }
.track { position: relative; height: .9rem; background: color-mix(in srgb, var(--line) 50%, transparent) }
.track i { position: absolute; top: 0; bottom: 0; min-width: 2px; background: var(--bar) }
.bad i { background: repeating-linear-gradient(45deg, var(--bad) 0 4px, transparent 4px 7px) }
.bad { color: var(--bad) }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1rem; color: var(--soft); font-size: .85rem }
.legend i { display: inline-block; width: .8rem; height: .8rem; margin-right: .35rem; vertical-align: -1px }
.scroll { overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
td, th { padding: .3rem .75rem .3rem 0; text-align: left; border-bottom: 1px solid var(--line); white-space: nowrap }
svg { width: 100%; height: auto; overflow: visible } svg text { fill: var(--soft); font: 12px system-ui, sans-serif }`

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`)
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`

function summary(runs: readonly RunRecord[], last: RunRecord): string {
  const failed = last.stages.find(({ outcome }) => outcome === 'failed')
  const numbers = [
    [last.timeToDealMs === null ? '–' : seconds(last.timeToDealMs), 'time to deal'],
    [String(last.commands.length), 'commands'],
    [`${runs.filter(({ outcome }) => outcome === 'done').length} of ${runs.length}`, 'runs went the whole way'],
  ]
  const where = last.isDevnet ? 'devnet: simulated storage providers on this machine' : (last.network ?? 'a network not known')
  const fault = failed
    ? `<p class="bad">The last run failed at <b>${failed.stage}</b>: ${escapeHtml(failed.reason ?? '')}</p>`
    : ''
  return `<p class="note">${escapeHtml(where)} · ${escapeHtml(last.endpoint)} · ${escapeHtml(last.startedAt)} · ${escapeHtml(last.cid ?? 'nothing stored')}${last.retrievedFrom ? ` · fetched back from ${escapeHtml(last.retrievedFrom)}` : ''}</p>
<ul class="numbers">${numbers.map(([value, what]) => `<li><b>${value}</b>${what}</li>`).join('')}</ul>${fault}`
}

interface Bar {
  name: string
  from: number
  to: number
  text: string
  isBad?: boolean
}

/** `most` is what a whole bar stands for. */
function bars(list: readonly Bar[], most = Math.max(...list.map(({ to }) => to), 1)): string {
  return list
    .map(({ name, from, to, text, isBad }) => {
      const place = `left:${((from / most) * 100).toFixed(2)}%;width:${(((to - from) / most) * 100).toFixed(2)}%`
      return `<div class="row${isBad ? ' bad' : ''}"><span>${escapeHtml(name)}</span><span class="track"><i style="${place}"></i></span><span>${text}</span></div>`
    })
    .join('\n')
}

function stagesOf({ stages }: RunRecord): string {
  const list = stages.map(({ stage, outcome, atMs, tookMs }) => ({
    name: stage,
    from: atMs - tookMs,
    to: atMs,
    text: seconds(tookMs),
    isBad: outcome === 'failed',
  }))
  return `<h2>The last run, stage by stage</h2>\n${bars(list)}`
}

function successOf(runs: readonly RunRecord[]): string {
  const list = stageNames.map((stage) => {
    const tried = runs.filter((run) => isMeant(run, stage))
    const done = tried.filter((run) => run.stages.some((one) => one.stage === stage && one.outcome === 'done')).length
    return {
      name: `${stage}: ${stageTexts[stage]}`,
      from: 0,
      to: tried.length === 0 ? 0 : done / tried.length,
      text: `${done} of ${tried.length}`,
      isBad: done < tried.length,
    }
  })
  return `<h2>Success by stage, of all runs</h2>\n${bars(list, 1)}`
}

/** Whether a run had a stage before it; one that was made before there was that stage went by it. */
function isMeant({ stages }: RunRecord, stage: StageName): boolean {
  const later = stageNames.slice(stageNames.indexOf(stage) + 1)
  const known = stages.map((one) => one.stage)
  return known.includes(stage) || !later.some((name) => known.includes(name))
}

function commandsOf({ commands }: RunRecord): string {
  const list = commands.map(({ line, durationMs, exitCode }: CommandRecord) => ({
    name: line,
    from: 0,
    to: durationMs,
    text: exitCode === 0 ? seconds(durationMs) : `exit ${exitCode}`,
    isBad: exitCode !== 0,
  }))
  return `<h2>Time of each command, in the last run</h2>\n${bars(list)}`
}

/** Time to deal over the runs; runs that made none are crosses on the line at the bottom. */
function trend(runs: readonly RunRecord[]): string {
  const [width, height, left] = [720, 180, 48]
  const most = Math.max(...runs.map(({ timeToDealMs }) => timeToDealMs ?? 0), 1000)
  const x = (index: number) => left + (runs.length < 2 ? 0 : (index / (runs.length - 1)) * (width - left - 8))
  const y = (ms: number) => height - (ms / most) * height
  const points = runs.flatMap(({ timeToDealMs }, index) => (timeToDealMs === null ? [] : [[x(index), y(timeToDealMs)] as const]))
  const line = points.map((point) => point.map((value) => value.toFixed(1)).join(',')).join(' ')
  const marks = runs.map(({ timeToDealMs, startedAt }, index) => {
    const title = `<title>${escapeHtml(startedAt)}: ${timeToDealMs === null ? 'no deal' : seconds(timeToDealMs)}</title>`
    return timeToDealMs === null
      ? `<text x="${x(index).toFixed(1)}" y="${height - 2}" text-anchor="middle" style="fill:var(--bad)">×${title}</text>`
      : `<circle cx="${x(index).toFixed(1)}" cy="${y(timeToDealMs).toFixed(1)}" r="3" fill="var(--bar)">${title}</circle>`
  })
  const grid = [0, most / 2, most].map(
    (ms) =>
      `<line x1="${left}" x2="${width}" y1="${y(ms)}" y2="${y(ms)}" stroke="var(--line)"/><text x="${left - 8}" y="${y(ms) + 4}" text-anchor="end">${seconds(ms)}</text>`,
  )
  return `<h2>Time to deal, run by run</h2>
<svg viewBox="0 -8 ${width} ${height + 16}" role="img" aria-label="Time to deal of ${runs.length} runs">${grid.join('')}<polyline points="${line}" fill="none" stroke="var(--bar)" stroke-width="1.5"/>${marks.join('')}</svg>`
}

function whereTimeWent(runs: readonly RunRecord[]): string {
  return `<h2>Where the time went, run by run</h2>\n${runColumns(runs, seconds)}`
}

function runTable(runs: readonly RunRecord[]): string {
  const rows = runs.toReversed().map((run) => {
    const ended = run.stages.at(-1)
    const how = run.outcome === 'done' ? 'whole way' : `failed at ${ended?.stage ?? 'the start'}`
    const total = run.commands.reduce((sum, { durationMs }) => sum + durationMs, 0)
    const cells = [
      run.startedAt,
      how,
      run.timeToDealMs === null ? '–' : seconds(run.timeToDealMs),
      ended ? seconds(ended.atMs) : '–',
      String(run.commands.length),
      seconds(total),
    ]
    return `<tr>${cells.map((cell) => `<td>${escapeHtml(cell)}</td>`).join('')}</tr>`
  })
  const heads = ['Begun', 'Outcome', 'Time to deal', 'In all', 'Commands', 'Time in commands']
  return `<h2>All runs, in numbers</h2>
<div class="scroll"><table><thead><tr>${heads.map((head) => `<th>${head}</th>`).join('')}</tr></thead><tbody>${rows.join('\n')}</tbody></table></div>`
}
