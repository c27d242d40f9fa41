import { base64pad } from 'multiformats/bases/base64'
import { describe, expect, it } from 'vitest'
import { ChainFormatError } from '../src/errors.ts'
import { blsSigner, secpSigner } from '../src/signature.ts'
import { formatSpid, maxSpidArgumentBytes, parseSpid, signSpid, spidMessage, verifySpid } from '../src/spid.ts'

const secret = Uint8Array.from({ length: 32 }, (_, i) => i + 1)
const worker = blsSigner(secret)
const beacon = Uint8Array.from({ length: 96 }, (_, i) => 255 - i)
const argument = new TextEncoder().encode('call=reserve_piece&piece_cid=baga')
const header = signSpid({ epoch: 4_863_283, actorId: 1234, beacon, worker })
const [, signature] = /;([^;]+)$/.exec(header) as unknown as [string, string]

describe('a provider that shows who it is', () => {
  it('writes what is read back, and was signed by its worker key', () => {
    const spid = parseSpid(header)
    expect(spid).toMatchObject({ epoch: 4_863_283, actorId: 1234, argument: new Uint8Array() })
    expect(header).toBe(`FIL-SPID-V0 4863283;f01234;${base64pad.baseEncode(spid.signature)}`)
    expect(formatSpid(spid)).toBe(header)
    expect(verifySpid(spid, worker.address, beacon)).toBe(true)
  })

  it('signs three spaces, the randomness and its argument', () => {
    expect(Buffer.from(spidMessage(beacon, argument)).toString('latin1')).toBe(
      `   ${Buffer.from(beacon).toString('latin1')}call=reserve_piece&piece_cid=baga`,
    )
    const spid = parseSpid(signSpid({ epoch: 7, actorId: 5, beacon, worker, argument, prefix: 't' }))
    expect(spid.argument).toEqual(argument)
    expect(verifySpid(spid, worker.address, beacon)).toBe(true)
    expect(verifySpid({ ...spid, argument: argument.subarray(1) }, worker.address, beacon)).toBe(false)
    expect(verifySpid({ ...spid, argument: new Uint8Array() }, worker.address, beacon)).toBe(false)
  })

  it('is not believed with another key, other randomness, or a changed signature', () => {
    const spid = parseSpid(header)
    expect(verifySpid(spid, blsSigner(secret.toReversed()).address, beacon)).toBe(false)
    expect(verifySpid(spid, worker.address, beacon.toReversed())).toBe(false)
    expect(verifySpid({ ...spid, signature: spid.signature.toReversed() }, worker.address, beacon)).toBe(false)
    expect(verifySpid(spid, secpSigner(secret).address, beacon)).toBe(false)
  })

  it('cannot do so with a key that is not BLS', () => {
    expect(() => signSpid({ epoch: 1, actorId: 1, beacon, worker: secpSigner(secret) })).toThrow(/takes BLS keys/)
  })
})

describe('the header', () => {
  it('may have spaces around its parts, and the scheme in any case', () => {
    expect(parseSpid(`  fil-spid-v0   4863283 ; f01234 ; ${signature} `)).toEqual(parseSpid(header))
  })

  it.each([
    ['nothing', '', 'The scheme is not FIL-SPID-V0'],
    ['another scheme', `Bearer ${signature}`, 'The scheme is not FIL-SPID-V0'],
    ['the scheme alone', 'FIL-SPID-V0', 'The scheme is not'],
    ['two parts', 'FIL-SPID-V0 1;f01234', 'stand the epoch'],
    ['five parts', `FIL-SPID-V0 1;f01234;${signature};YQ==;YQ==`, 'stand the epoch'],
    ['an epoch that is none', `FIL-SPID-V0 -1;f01234;${signature}`, 'The epoch is no number'],
    ['an epoch with zeros before it', `FIL-SPID-V0 01;f01234;${signature}`, 'The epoch is no number'],
    ['an epoch beyond all bounds', `FIL-SPID-V0 9999999999999;f01234;${signature}`, 'The epoch is no number'],
    ['a key as the provider', `FIL-SPID-V0 1;f1abc;${signature}`, 'A provider is named as in f01234'],
    ['a number too large for a provider', `FIL-SPID-V0 1;f09223372036854775807;${signature}`, 'A provider is named as in f01234'],
    ['a short signature', 'FIL-SPID-V0 1;f01234;YQ==', 'A signature has 96 bytes, this has 1'],
    ['base64 for addresses of the web', `FIL-SPID-V0 1;f01234;${'_'.repeat(128)}`, 'The signature is not base64'],
    ['base64 in a second spelling', `FIL-SPID-V0 1;f01234;${signature};YR==`, 'The argument is not base64'],
    ['an empty argument', `FIL-SPID-V0 1;f01234;${signature};`, 'An argument has 1 to 2048 bytes, this has 0'],
    ['too much', `FIL-SPID-V0 1;f01234;${'A'.repeat(5000)}`, 'longer than 4096'],
  ])('is refused with %s', (_what, text, reason) => {
    expect(() => parseSpid(text)).toThrow(ChainFormatError)
    expect(() => parseSpid(text)).toThrow(reason)
  })

  it('takes an argument up to its bound, and none over it', () => {
    const withArgument = (length: number) => `FIL-SPID-V0 1;f01234;${signature};${base64pad.baseEncode(new Uint8Array(length))}`
    expect(parseSpid(withArgument(maxSpidArgumentBytes)).argument).toHaveLength(maxSpidArgumentBytes)
    expect(() => parseSpid(withArgument(maxSpidArgumentBytes + 1))).toThrow('An argument has 1 to 2048 bytes, this has 2049')
  })
})
