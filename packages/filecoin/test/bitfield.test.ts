import { describe, expect, it } from 'vitest'
import { bitfieldOf, countOf, decodeBitfield, encodeBitfield, has, numbersOf } from '../src/bitfield.ts'
import { ChainFormatError } from '../src/errors.ts'

/** Numbers as a simple generator makes them from a seed: the same in every run. */
function random(seed: number) {
  let state = seed
  return (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

describe('a bit field', () => {
  it.each([
    // By hand: version 00, first value, then runs, the least significant bit of each byte first.
    [[], ''],
    [[0], '0c'],
    [[0, 1, 2, 3, 4], 'b4'],
    [[2], '5002'],
    [[2, 4, 6], null],
  ])('of %j is written and read back', (numbers, hex) => {
    const bytes = encodeBitfield(bitfieldOf(numbers))
    if (hex !== null) expect(Buffer.from(bytes).toString('hex')).toBe(hex)
    expect([...numbersOf(decodeBitfield(bytes))]).toEqual(numbers)
  })

  it('is read back whatever is in it', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const next = random(seed)
      const spread = [20, 300, 100_000][seed % 3] as number
      const numbers = [...new Set(Array.from({ length: next(200) }, () => next(spread)))].sort((a, b) => a - b)
      const field = decodeBitfield(encodeBitfield(bitfieldOf(numbers)))
      expect([...numbersOf(field)]).toEqual(numbers)
      expect(countOf(field)).toBe(numbers.length)
      for (let i = 0; i < 50; i++) {
        const number = next(spread + 5)
        expect(has(field, number)).toBe(numbers.includes(number))
      }
    }
  })

  it('has long runs without holding each number', () => {
    const field = [{ start: 5, end: 2 ** 40 }]
    expect(decodeBitfield(encodeBitfield(field))).toEqual(field)
    expect(has(field, 2 ** 39)).toBe(true)
  })

  it.each([
    ['another version', '05'],
    ['a last byte of zeros', '0c00'],
    ['a run of no length', '08c0ff'],
    ['a run that never ends', '00ffffffffffffffffffff'],
  ])('is refused with %s', (_name, hex) => {
    expect(() => decodeBitfield(Buffer.from(hex, 'hex'))).toThrow(ChainFormatError)
  })

  it('never ends otherwise than with a field or a refusal, whatever the bytes', () => {
    for (let seed = 1; seed <= 2_000; seed++) {
      const next = random(seed)
      const bytes = Uint8Array.from({ length: next(24) }, () => next(256))
      try {
        expect(countOf(decodeBitfield(bytes))).toBeGreaterThanOrEqual(0)
      } catch (error) {
        expect(error).toBeInstanceOf(ChainFormatError)
      }
    }
  })
})
