import { expect, test } from 'vitest'
import { pad, paddedLength, unpad } from '../../src/piece/fr32.ts'
import { pattern, seeded } from '../oracle.ts'
import { naivePad } from './naive.ts'

test('pads like the definition, bit by bit, at every length around quads and groups', () => {
  for (let length = 1; length <= 3 * 508 + 2; length++) {
    const data = pattern(length, length)
    expect(Buffer.from(pad(data)).equals(naivePad(data)), `${length} bytes`).toBe(true)
  }
})

test('keeps every bit of data and no other: ones come out as ones, and two zeros after 254 of them', () => {
  const padded = pad(new Uint8Array(508).fill(0xff))
  for (let at = 0; at < padded.length; at++) expect(padded[at]).toBe(at % 32 === 31 ? 0x3f : 0xff)
})

test('unpads what it padded, whatever the data', () => {
  const next = seeded(7)
  for (let round = 0; round < 300; round++) {
    const data = pattern(1 + next(5000), round + 1)
    const unpadded = unpad(pad(data))
    expect(unpadded.length).toBe((paddedLength(data.length) / 128) * 127)
    expect(Buffer.from(unpadded.subarray(0, data.length)).equals(data)).toBe(true)
    expect(unpadded.subarray(data.length).every((byte) => byte === 0)).toBe(true)
  }
})

test('does not let the two bits that padding leaves zero into the data', () => {
  const data = pattern(508)
  const padded = pad(data)
  for (let at = 31; at < padded.length; at += 32) padded[at]! |= 0xc0
  expect(Buffer.from(unpad(padded)).equals(data)).toBe(true)
})

test('pads and unpads views that begin anywhere in their buffer', () => {
  const bytes = pattern(1000)
  for (let offset = 0; offset < 4; offset++) {
    const data = bytes.subarray(offset, offset + 508)
    const padded = new Uint8Array(513).subarray(1)
    padded.set(pad(data))
    expect(Buffer.from(unpad(padded)).equals(data)).toBe(true)
  }
})

test('refuses padded data that is not whole quads', () => {
  expect(() => unpad(new Uint8Array(129))).toThrow('Padded data comes in quads of 128 bytes; 129 bytes are not.')
})

test('nothing stays nothing', () => {
  expect(pad(new Uint8Array()).length).toBe(0)
  expect(unpad(new Uint8Array()).length).toBe(0)
})
