import { ChainFormatError } from './errors.ts'

/** Numbers from `start` up to but not including `end`. */
export interface Run {
  start: number
  end: number
}

/** A set of whole numbers, as ascending runs that neither touch nor overlap. */
export type Bitfield = readonly Run[]

/** Runs of a bit field we are ready to hold; a partition has 2,349 sectors. */
const maxRuns = 1_000_000

function invalid(what: string): ChainFormatError {
  return new ChainFormatError('INVALID_BITFIELD', `Not an RLE+ bit field: ${what}.`)
}

/** Bits of bytes, the least significant of each byte first. */
function bitReader(bytes: Uint8Array) {
  let at = 0
  const read = (count: number): number => {
    let value = 0
    // Beyond the last byte there are zeros.
    for (let i = 0; i < count; i++, at++) value |= (((bytes[at >> 3] ?? 0) >> (at & 7)) & 1) << i
    return value
  }
  return {
    read,
    get isAtEnd() {
      return at >= bytes.length * 8
    },
  }
}

type BitReader = ReturnType<typeof bitReader>

function readVarint(bits: BitReader): number {
  let value = 0
  for (let scale = 1; scale <= 2 ** 49; scale *= 128) {
    const byte = bits.read(8)
    value += (byte & 0x7f) * scale
    if (byte < 0x80) return value
  }
  throw invalid('a run is longer than 2^53')
}

/** Length of the next run; 0 only where zeros fill the last byte. */
function readRunLength(bits: BitReader): number {
  if (bits.read(1) === 1) return 1
  return bits.read(1) === 1 ? bits.read(4) : readVarint(bits)
}

/**
 * RLE+ (Filecoin specification, "RLE+ Bitset Encoding"): a version of two bits, the value of the first run, then the lengths of runs in turn.
 *
 * @throws ChainFormatError `INVALID_BITFIELD`
 */
export function decodeBitfield(bytes: Uint8Array): Bitfield {
  if (bytes.length === 0) return []
  if (bytes.at(-1) === 0) throw invalid('it ends with a byte of zeros')
  const bits = bitReader(bytes)
  if (bits.read(2) !== 0) throw invalid('its version is not 0')
  let isSet = bits.read(1) === 1
  const runs: Run[] = []
  for (let at = 0; !bits.isAtEnd; isSet = !isSet) {
    const length = readRunLength(bits)
    if (length === 0 && !bits.isAtEnd) throw invalid('a run of no length')
    const end = at + length
    if (!Number.isSafeInteger(end)) throw invalid('it goes beyond 2^53')
    if (isSet && length > 0) runs.push({ start: at, end })
    if (runs.length > maxRuns) throw invalid(`more than ${maxRuns} runs`)
    at = end
  }
  return runs
}

/** Bits to bytes, the least significant of each byte first. */
function bitWriter() {
  const bytes: number[] = []
  let at = 0
  return {
    bytes,
    write(value: number, count: number): void {
      for (let i = 0; i < count; i++, at++) {
        if ((at & 7) === 0) bytes.push(0)
        bytes[at >> 3] = (bytes[at >> 3] as number) | (((value >> i) & 1) << (at & 7))
      }
    },
  }
}

function writeVarint(bits: ReturnType<typeof bitWriter>, value: number): void {
  let rest = value
  for (; rest >= 128; rest = Math.floor(rest / 128)) bits.write((rest % 128) | 0x80, 8)
  bits.write(rest, 8)
}

function writeRunLength(bits: ReturnType<typeof bitWriter>, length: number): void {
  if (length === 1) bits.write(1, 1)
  else if (length < 16) {
    bits.write(0b10, 2)
    bits.write(length, 4)
  } else {
    bits.write(0b00, 2)
    writeVarint(bits, length)
  }
}

export function encodeBitfield(runs: Bitfield): Uint8Array {
  if (runs.length === 0) return new Uint8Array()
  const bits = bitWriter()
  bits.write(0, 2)
  bits.write(runs[0]?.start === 0 ? 1 : 0, 1)
  let at = 0
  for (const { start, end } of runs) {
    if (start > at) writeRunLength(bits, start - at)
    writeRunLength(bits, end - start)
    at = end
  }
  while (bits.bytes.at(-1) === 0) bits.bytes.pop()
  return Uint8Array.from(bits.bytes)
}

/** From numbers in any order, each as often as it likes. */
export function bitfieldOf(numbers: Iterable<number>): Bitfield {
  const runs: Run[] = []
  for (const number of [...new Set(numbers)].sort((a, b) => a - b)) {
    const last = runs.at(-1)
    if (last?.end === number) last.end++
    else runs.push({ start: number, end: number + 1 })
  }
  return runs
}

export function has(runs: Bitfield, number: number): boolean {
  let [low, high] = [0, runs.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((runs[middle] as Run).end <= number) low = middle + 1
    else high = middle
  }
  const run = runs[low]
  return run !== undefined && run.start <= number
}

/** How many numbers are in it. */
export function countOf(runs: Bitfield): number {
  return runs.reduce((sum, { start, end }) => sum + end - start, 0)
}

export function* numbersOf(runs: Bitfield): Generator<number> {
  for (const { start, end } of runs) for (let number = start; number < end; number++) yield number
}
