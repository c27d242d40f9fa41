const MiB = 1024 * 1024

export function mib(bytes: number): string {
  return `${Math.round(bytes / MiB)} MiB`
}

/** One line: what, how much, beside what, and whether that is the goal. */
export function report(what: string, measured: string, against = '', goal?: { text: string; met: boolean }): void {
  const verdict = goal ? `${goal.met ? 'met   ' : 'missed'} ${goal.text}` : ''
  process.stdout.write(`${what.padEnd(44)} ${measured.padEnd(26)} ${against.padEnd(44)} ${verdict}\n`)
}

export function ratio(value: number): string {
  return value.toFixed(2)
}

/** The value below which `share` of the samples lie. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}

/** Does `count` things, `width` at a time; milliseconds of each, and how many a second. */
export async function inParallel(
  count: number,
  width: number,
  one: (index: number) => Promise<void>,
): Promise<{ perSecond: number; samples: number[] }> {
  const samples: number[] = []
  let next = 0
  const startedAt = performance.now()
  const lane = async () => {
    while (next < count) {
      const at = performance.now()
      await one(next++)
      samples.push(performance.now() - at)
    }
  }
  await Promise.all(Array.from({ length: width }, lane))
  return { perSecond: count / ((performance.now() - startedAt) / 1000), samples }
}
