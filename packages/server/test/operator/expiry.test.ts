import { expect, test } from 'vitest'
import { parseExpiry } from '../../src/operator/expiry.ts'

const now = new Date('2026-11-22T12:00:00Z')

test.each([
  ['12h', '2026-11-23T00:00:00.000Z'],
  ['30d', '2026-12-22T12:00:00.000Z'],
  ['2w', '2026-12-06T12:00:00.000Z'],
  ['1y', '2027-11-22T12:00:00.000Z'],
  ['2027-01-01', '2027-01-01T00:00:00.000Z'],
  ['2028-02-29', '2028-02-29T00:00:00.000Z'],
  ['2027-01-01T10:30+02:00', '2027-01-01T08:30:00.000Z'],
])('reads %s', (text, expected) => {
  expect(parseExpiry(text, now).toISOString()).toBe(expected)
})

test.each([
  '',
  '30',
  '30m',
  '0d',
  '-1d',
  '1.5d',
  '99999999y',
  '01/02/2027',
  '2027-1-1',
  '2027-02-31',
  '2027-01-01T10:30',
  'tomorrow',
  '2026-11-22',
  '2020-01-01',
])('refuses %j', (text) => {
  expect(() => parseExpiry(text, now)).toThrow()
})
