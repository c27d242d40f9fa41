import { formatBytes, formatSeconds } from './sizes.ts'
import { cut } from './text.ts'

/** What can be shown while something long is under way. */
export interface Progress {
  /** Begins a new phase: `label` names it; `totalBytes` undefined where it is not known. */
  begin(label: string, totalBytes: number | undefined): void
  /** Bytes done of the present phase. */
  update(doneBytes: number): void
  /** Says something above the bar. */
  note(line: string): void
  /** Takes the bar away. */
  end(): void
}

interface Output {
  isTTY?: boolean
  columns?: number
  write(text: string): unknown
}

const redrawMs = 100
/** Speed is that of the last few seconds: long enough to be calm, short enough to be true. */
const speedWindowMs = 4000
const barCells = 24
const clearLine = '\r\u001b[K'

function bar(share: number): string {
  const full = Math.round(Math.min(1, share) * barCells)
  return `${'█'.repeat(full)}${'░'.repeat(barCells - full)}`
}

function meter() {
  let samples: { at: number; bytes: number }[] = []
  return {
    reset: () => {
      samples = []
    },
    /** Bytes a second, undefined until there is something to go by. */
    speed(bytes: number, now: number): number | undefined {
      samples.push({ at: now, bytes })
      while (samples.length > 2 && samples[1]!.at <= now - speedWindowMs) samples.shift()
      const first = samples[0]!
      return now - first.at < 300 ? undefined : ((bytes - first.bytes) * 1000) / (now - first.at)
    },
  }
}

function lineOf(label: string, done: number, total: number | undefined, speed: number | undefined): string {
  const parts: string[] = []
  if (total === undefined) parts.push(`${label}  ${formatBytes(done)}`)
  else {
    const share = total === 0 ? 1 : done / total
    parts.push(`${label} ${bar(share)} ${String(Math.floor(Math.min(1, share) * 100)).padStart(3)}%`)
    parts.push(`${formatBytes(done)} of ${formatBytes(total)}`)
  }
  if (speed !== undefined) {
    parts.push(`${formatBytes(Math.round(speed))}/s`)
    if (total !== undefined && speed > 0 && done < total) parts.push(`${formatSeconds((total - done) / speed)} left`)
  }
  return parts.join('  ')
}

/** A bar on one line of a terminal. Where `output` is none, or with `quiet`, only notes are written. */
export function progressOn(output: Output, options: { quiet?: boolean | undefined } = {}): Progress {
  const isShown = output.isTTY === true && !options.quiet && process.env.TERM !== 'dumb'
  const pace = meter()
  let phase: { label: string; total: number | undefined } | undefined
  let done = 0
  let drawnAt = 0
  const draw = (now: number) => {
    if (!phase) return
    drawnAt = now
    const line = lineOf(phase.label, done, phase.total, pace.speed(done, now))
    output.write(clearLine + cut(line, (output.columns ?? 80) - 1))
  }
  const clear = () => {
    if (isShown && phase) output.write(clearLine)
  }
  return {
    begin(label, totalBytes) {
      clear()
      phase = { label, total: totalBytes }
      done = 0
      pace.reset()
      if (isShown) draw(performance.now())
    },
    update(doneBytes) {
      done = doneBytes
      if (!isShown) return
      const now = performance.now()
      if (now - drawnAt >= redrawMs) draw(now)
    },
    note(line) {
      clear()
      output.write(`${line}\n`)
      if (isShown) draw(performance.now())
    },
    end() {
      clear()
      phase = undefined
    },
  }
}
