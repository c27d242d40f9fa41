const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const

/** A number of bytes to read: `1.4 GiB`. */
export function formatBytes(bytes: number): string {
  const power = bytes < 1024 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1)
  const value = bytes / 1024 ** power
  const text = power === 0 || value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(1)
  return power === 0 && bytes === 1 ? '1 byte' : `${text} ${units[power]}`
}

export function formatCount(count: number): string {
  return count.toLocaleString('en')
}

const ages: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 31_557_600],
  ['month', 2_629_800],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
]

/** How long ago, or in how long: `3 days ago`. */
export function formatAge(instant: string, now = Date.now()): string {
  const seconds = (new Date(instant).getTime() - now) / 1000
  const [unit, length] = ages.find(([, one]) => Math.abs(seconds) >= one) ?? ['second', 1]
  if (unit === 'second') return 'just now'
  return new Intl.RelativeTimeFormat('en', { numeric: 'auto' }).format(Math.round(seconds / length), unit)
}

/** An instant to the minute, in the time zone of the reader. */
export function formatInstant(instant: string): string {
  return new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short' }).format(new Date(instant))
}
