import { describe, expect, it } from 'vitest'
import { decodeAddress, encodeAddress, formatAddress, idAddress, idOf, parseAddress } from '../src/address.ts'
import { ChainFormatError } from '../src/errors.ts'

const known = [
  // Filecoin specification, appendix "Address": the test vectors.
  ['f00', '0000'],
  ['f01024', '008008'],
  ['f0100', '0064'],
  ['f09223372036854775807', '00ffffffffffffffff7f'],
  ['f17uoq6tp427uzv7fztkbsnn64iwotfrristwpryy', '01fd1d0f4dfcd7e99afcb99a8326b7dc459d32c628'],
  ['f24vg6ut43yw2h2jqydgbg2xq7x6f4kub3bg6as6i', '02e54dea4f9bc5b47d261819826d5e1fbf8bc5503b'],
  [
    'f3vvmn62lofvhjd2ugzca6sof2j2ubwok6cj4xxbfzz4yuxfkgobpihhd2thlanmsh3w2ptld2gqkn2jvlss4a',
    '03ad58df696e2d4e91ea86c881e938ba4ea81b395e12797b84b9cf314b9546705e839c7a99d606b247ddb4f9ac7a3414dd',
  ],
] as const

describe('an address', () => {
  it.each(known)('%s is the bytes it is known to be, both ways', (text, hex) => {
    expect(Buffer.from(encodeAddress(parseAddress(text))).toString('hex')).toBe(hex)
    expect(formatAddress(decodeAddress(Buffer.from(hex, 'hex')))).toBe(text)
  })

  it('of Ethereum is delegated in the name space of f010', () => {
    const address = parseAddress('f410feot7hrogmplrcupubsdbbqarkdewmb4vkwc5qqq')
    expect(address.protocol).toBe(4)
    expect(address.payload.length).toBe(21)
    expect(formatAddress(address)).toBe('f410feot7hrogmplrcupubsdbbqarkdewmb4vkwc5qqq')
  })

  it('is the same on a test network but for its first letter', () => {
    expect(formatAddress(parseAddress('t01024'), 't')).toBe('t01024')
    expect(idOf(parseAddress('t01024'))).toBe(1024)
  })

  it.each([
    ['', 'nothing'],
    ['f', 'a letter'],
    ['f5abc', 'an unknown protocol'],
    ['f0', 'no number'],
    ['f0-1', 'a negative number'],
    ['f001', 'a leading zero'],
    ['f09223372036854775808', 'a number over 63 bits'],
    ['f17uoq6tp427uzv7fztkbsnn64iwotfrristwpryz', 'a wrong checksum'],
    ['f17UOQ6tp427uzv7fztkbsnn64iwotfrristwpryy', 'capital letters'],
    ['f17uoq6tp427uzv7fztkbsnn64iwotfrristwpr', 'too few characters'],
    ['f3vvmn62lofvhjd2ugzca6sof2j2ubwok6cj4xxb', 'a BLS key that is too short'],
    ['f4abc', 'no name space'],
    ['f4 10fabc', 'a space'],
    [`f410f${'a'.repeat(130)}`, 'an endless subaddress'],
  ])('is refused when it is %j: %s', (text) => {
    expect(() => parseAddress(text)).toThrow(ChainFormatError)
  })

  it.each([
    ['', ''],
    ['05', ''],
    ['01', '00'],
    ['00', '8000'],
    ['00', '640a'],
    ['00', 'ffffffffffffffffffff01'],
    ['04', ''],
  ])('is refused in the bytes %s%s', (protocol, payload) => {
    expect(() => decodeAddress(Buffer.from(protocol + payload, 'hex'))).toThrow(ChainFormatError)
  })

  it('refuses numbers no actor can have', () => {
    expect(() => idAddress(-1)).toThrow(ChainFormatError)
    expect(() => idAddress(2n ** 63n)).toThrow(ChainFormatError)
  })
})
