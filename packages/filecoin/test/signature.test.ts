import { describe, expect, it } from 'vitest'
import { formatAddress } from '../src/address.ts'
import { ChainFormatError } from '../src/errors.ts'
import { decodeSignedMessage, encodeSignedMessage, listedCid, messageCid } from '../src/message.ts'
import { blsSigner, decodeSignature, encodeSignature, secpSigner, verifySignature } from '../src/signature.ts'

const secret = Uint8Array.from({ length: 32 }, (_, i) => i + 1)
const message = new TextEncoder().encode('a proposal')

describe.each([
  ['secp256k1', secpSigner(secret), secpSigner(secret.toReversed()), 'f1'],
  ['BLS', blsSigner(secret), blsSigner(Uint8Array.from(secret, (byte, i) => (i === 31 ? 7 : byte))), 'f3'],
])('a signature by a %s key', (_name, signer, other, prefix) => {
  const signature = signer.sign(message)

  it('is that of its address, and of no other and for no other message', () => {
    expect(formatAddress(signer.address).slice(0, 2)).toBe(prefix)
    expect(verifySignature(signature, signer.address, message)).toBe(true)
    expect(verifySignature(signature, other.address, message)).toBe(false)
    expect(verifySignature(signature, signer.address, message.subarray(1))).toBe(false)
  })

  it('fails with any byte changed or left out', () => {
    for (let at = 0; at < signature.bytes.length; at += 7) {
      const bytes = signature.bytes.slice()
      bytes[at]! ^= 1
      expect(verifySignature({ ...signature, bytes }, signer.address, message)).toBe(false)
    }
    expect(verifySignature({ ...signature, bytes: signature.bytes.subarray(1) }, signer.address, message)).toBe(false)
    expect(verifySignature({ ...signature, bytes: new Uint8Array() }, signer.address, message)).toBe(false)
  })

  it('is written and read back', () => {
    expect(decodeSignature(encodeSignature(signature))).toEqual(signature)
  })

  it('makes a message that a block lists by the right CID', () => {
    const { address } = signer
    const unsigned = {
      version: 0,
      to: address,
      from: address,
      nonce: 3,
      value: 10n ** 18n,
      gasLimit: 1,
      gasFeeCap: 2n,
      gasPremium: 1n,
      method: 0,
      params: new Uint8Array(),
    }
    const signed = { message: unsigned, signature }
    expect(decodeSignedMessage(encodeSignedMessage(signed))).toEqual(signed)
    expect(listedCid(signed).equals(messageCid(unsigned))).toBe(prefix === 'f3')
  })
})

describe('a signature', () => {
  it.each(['', '00', '04ff'])('of the bytes %j is none', (hex) => {
    expect(() => decodeSignature(Buffer.from(hex, 'hex'))).toThrow(ChainFormatError)
  })

  it('is not checked against an address of another kind', () => {
    expect(() => verifySignature(secpSigner(secret).sign(message), blsSigner(secret).address, message)).toThrow(ChainFormatError)
  })
})
