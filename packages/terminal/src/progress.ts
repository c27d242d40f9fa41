import { formatBytes, formatSeconds } from './sizes.ts'
import { columnsOf, cut } from './text.ts'

/** What can be shown while something long is under way. */
export interface Progress {
  /** Begins a new phase: `label` names it; `totalBytes` undefined where it is not known. */
  begin(label: string, totalBytes: number | undefined): void
  /** Begins a phase in which things are counted, not bytes. */
  beginCount(label: string, total: number): void
  /** Bytes done of the present phase, or things. */
  update(done: number): void
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

interface Phase {
  label: string
  total: number | undefined
  unit: 'bytes' | 'things'
}

function lineOf({ label, total, unit }: Phase, done: number, speed: number | undefined): string {
  const format = unit === 'bytes' ? formatBytes : (count: number) => count.toLocaleString('en-US')
  const parts: string[] = []
  if (total === undefined) parts.push(done === 0 ? `${label} …` : `${label}  ${format(done)}`)
  else {
    const share = total === 0 ? 1 : done / total
    parts.push(`${label} ${bar(share)} ${String(Math.floor(Math.min(1, share) * 100)).padStart(3)}%`)
    parts.push(`${format(done)} of ${format(total)}`)
  }
  if (speed !== undefined && done > 0) {
    parts.push(`${format(Math.round(speed))}/s`)
    if (total !== undefined && speed > 0 && done < total) parts.push(`${formatSeconds((total - done) / speed)} left`)
  }
  return parts.join('  ')
}

/** A bar on one line of a terminal. Where `output` is none, or with `quiet`, only notes are written. */
export function progressOn(output: Output, options: { quiet?: boolean | undefined } = {}): Progress {
  const isShown = output.isTTY === true && !options.quiet && process.env.TERM !== 'dumb'
  const pace = meter()
  let phase: Phase | undefined
  let done = 0
  let drawnAt = 0
  const draw = (now: number) => {
    if (!phase) return
    drawnAt = now
    const line = lineOf(phase, done, pace.speed(done, now))
    output.write(clearLine + cut(line, columnsOf(output) - 1))
  }
  const clear = () => {
    if (isShown && phase) output.write(clearLine)
  }
  const begin = (next: Phase) => {
    clear()
    phase = next
    done = 0
    pace.reset()
    if (isShown) draw(performance.now())
  }
  return {
    begin: (label, totalBytes) => begin({ label, total: totalBytes, unit: 'bytes' }),
    beginCount: (label, total) => begin({ label, total, unit: 'things' }),
    update(nowDone) {
      done = nowDone
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
