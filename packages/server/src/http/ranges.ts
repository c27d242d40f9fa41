/** Ranges in one request; more than that and the whole is answered, as HTTP allows. */
const maxRanges = 16

/** Bytes of a representation, from `offset`, `length` of them, at least one. */
export interface ByteRange {
  offset: number
  length: number
}

/**
 * Reads a `Range` header for a representation of `sizeBytes` (RFC 9110, section 14).
 *
 * Undefined: answer the whole. That is for other units, for what does not parse, for more than `maxRanges` ranges and for
 * overlapping ones that together are longer than the whole, which only somebody with bad intentions asks for. Empty: 416.
 */
export function parseRanges(header: string | undefined, sizeBytes: number): ByteRange[] | undefined {
  const [, set] = /^\s*bytes\s*=(.*)$/i.exec(header ?? '') ?? []
  if (set === undefined) return undefined
  const specs = set.split(',').filter((spec) => spec.trim() !== '')
  if (specs.length === 0 || specs.length > maxRanges) return undefined
  const ranges: ByteRange[] = []
  let total = 0
  for (const spec of specs) {
    const [, from, to] = /^\s*(\d*)-(\d*)\s*$/.exec(spec) ?? []
    if (from === undefined || to === undefined || from + to === '') return undefined
    const range = rangeOf(from, to, sizeBytes)
    if (range === 'invalid') return undefined
    if (range) total += range.length
    if (range) ranges.push(range)
  }
  return total > sizeBytes ? undefined : ranges
}

/** Numbers that are too long to be held exactly lie behind the end of anything, and stay there. */
function rangeOf(from: string, to: string, sizeBytes: number): ByteRange | 'invalid' | undefined {
  if (from === '') {
    const length = Math.min(Number(to), sizeBytes)
    return length > 0 ? { offset: sizeBytes - length, length } : undefined
  }
  const offset = Number(from)
  if (to !== '' && Number(to) < offset) return 'invalid'
  if (offset >= sizeBytes) return undefined
  const last = to === '' ? sizeBytes - 1 : Math.min(Number(to), sizeBytes - 1)
  return { offset, length: last - offset + 1 }
}

export function contentRange({ offset, length }: ByteRange, sizeBytes: number): string {
  return `bytes ${offset}-${offset + length - 1}/${sizeBytes}`
}
