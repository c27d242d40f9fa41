import { createHash } from 'node:crypto'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { ContentError } from '../src/errors.ts'
import { cidOf, rawCid } from '../src/hash/cid.ts'
import { compactText } from '../src/hash/cid-text.ts'
import { sha256 } from '../src/hash/sha256.ts'
import { verifyBlock } from '../src/hash/verify.ts'

const hello = new TextEncoder().encode('hello world!')

function rawCidWith(code: number, digestHex: string): CID {
  return CID.createV1(0x55, Digest.create(code, new Uint8Array(Buffer.from(digestHex, 'hex'))))
}

async function codeOf(run: () => unknown): Promise<string> {
  try {
    await run()
  } catch (error) {
    if (error instanceof ContentError) return `${error.code} ${error.message}`
    throw error
  }
  return 'no error'
}

const known: [name: string, code: number, algorithm: string, outputLength?: number][] = [
  ['sha2-256', 0x12, 'sha256'],
  ['sha2-512', 0x13, 'sha512'],
  ['sha3-512', 0x14, 'sha3-512'],
  ['sha3-384', 0x15, 'sha3-384'],
  ['sha3-256', 0x16, 'sha3-256'],
  ['sha3-224', 0x17, 'sha3-224'],
  ['shake-128', 0x18, 'shake128', 32],
  ['shake-256', 0x19, 'shake256', 64],
  ['blake2s-256', 0xb260, 'blake2s256'],
]

describe('sha256 and CIDs', () => {
  test('agrees with OpenSSL on both sides of the size where it leaves the thread', async () => {
    for (const length of [0, 1, 32_767, 32_768, 32_769, 300_000]) {
      const bytes = new Uint8Array(length).fill(7)
      expect(Buffer.from(await sha256(bytes)).toString('hex')).toBe(createHash('sha256').update(bytes).digest('hex'))
    }
  })

  test('gives the bytes of a small file the CID nft.storage gave them', async () => {
    expect(String(await rawCid(hello))).toBe('bafkreidvbhs33ighmljlvr7zbv2ywwzcmp5adtf4kqvlly67cy56bdtmve')
  })

  test('hashes the bytes as they were when it was called', async () => {
    const bytes = new Uint8Array(1_000_000)
    const expected = String(await cidOf(0x55, bytes.slice()))
    const pending = cidOf(0x55, bytes)
    bytes.fill(1)
    expect(String(await pending)).toBe(expected)
  })
})

describe('verifyBlock', () => {
  test.each(known)('accepts %s as OpenSSL makes it and refuses one wrong bit', async (_, code, algorithm, outputLength) => {
    const digest = createHash(algorithm, outputLength === undefined ? {} : { outputLength })
      .update(hello)
      .digest('hex')
    expect(await codeOf(() => verifyBlock(rawCidWith(code, digest), hello))).toBe('no error')
    const wrong = hello.slice()
    wrong[3]! ^= 1
    expect(await codeOf(() => verifyBlock(rawCidWith(code, digest), wrong))).toContain('HASH_MISMATCH')
  })

  test.each([
    ['keccak-224', 0x1a, 'f71837502ba8e10837bdd8d365adb85591895602fc552b48b7390abd'],
    ['keccak-256', 0x1b, 'c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470'],
    ['keccak-384', 0x1c, '2c23146a63a29acf99e73b88f8c24eaa7dc60aa771780ccc006afbfa8fe2479b2dd2b21362337441ac12b515911957ff'],
    [
      'keccak-512',
      0x1d,
      '0eab42de4c3ceb9235fc91acffe746b29c29a8c366b7c60e4e67c466f36a4304c00fa9caf9d87976ba469bcbe06713b435f091ef2769fb160cdab33d3670680e',
    ],
    ['blake2b-256', 0xb220, '0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8'],
    ['murmur3-32', 0x23, '00000000'],
    ['murmur3-x64-64', 0x22, '0000000000000000'],
    ['murmur3-128 by its old code', 0x22, '00000000000000000000000000000000'],
    ['murmur3-x64-128', 0x1022, '00000000000000000000000000000000'],
  ])('accepts the published digest of nothing in %s', async (_, code, digest) => {
    expect(await codeOf(() => verifyBlock(rawCidWith(code, digest), new Uint8Array()))).toBe('no error')
    expect(await codeOf(() => verifyBlock(rawCidWith(code, digest), hello))).toContain('HASH_MISMATCH')
  })

  test('says which block does not match, small or large', async () => {
    for (const bytes of [hello, new Uint8Array(100_000)]) {
      const cid = await cidOf(0x55, bytes)
      const wrong = bytes.slice()
      wrong[0]! ^= 1
      expect(await codeOf(() => verifyBlock(cid, wrong))).toBe(
        `HASH_MISMATCH failed hash verification: ${cid}: CID hash does not match bytes`,
      )
    }
  })

  test('refuses a digest that was cut short', async () => {
    const digest = createHash('sha256').update(hello).digest('hex').slice(0, 40)
    expect(await codeOf(() => verifyBlock(rawCidWith(0x12, digest), hello))).toContain('HASH_MISMATCH')
  })

  test('refuses identity and sha1, naming the code', async () => {
    const identity = rawCidWith(0x00, Buffer.from(hello).toString('hex'))
    expect(await codeOf(() => verifyBlock(identity, hello))).toBe(
      `UNSUPPORTED_HASH ${identity}: multihash code 0 is not supported`,
    )
    const sha1 = rawCidWith(0x11, createHash('sha1').update(hello).digest('hex'))
    expect(await codeOf(() => verifyBlock(sha1, hello))).toContain('multihash code 17 is not supported')
  })
})

describe('without the crypto of Node', () => {
  const { getBuiltinModule } = process

  afterEach(() => {
    process.getBuiltinModule = getBuiltinModule
    vi.resetModules()
  })

  test('hashes and verifies the same, as in a browser', async () => {
    vi.resetModules()
    process.getBuiltinModule = undefined as unknown as typeof getBuiltinModule
    const { nodeCrypto } = await import('../src/hash/node-crypto.ts')
    expect(nodeCrypto).toBeUndefined()
    const portable = { ...(await import('../src/hash/cid.ts')), ...(await import('../src/hash/verify.ts')) }
    for (const length of [0, 1000, 100_000]) {
      const bytes = new Uint8Array(length).fill(9)
      expect(String(await portable.rawCid(bytes))).toBe(String(await rawCid(bytes)))
      for (const [, code, algorithm, outputLength] of known) {
        const digest = createHash(algorithm, outputLength === undefined ? {} : { outputLength })
          .update(bytes)
          .digest('hex')
        await portable.verifyBlock(rawCidWith(code, digest), bytes)
      }
    }
  })
})

test('the compact text of a CID is its text, whatever its version and length', () => {
  for (let length = 0; length < 130; length++) {
    const digest = Uint8Array.from({ length }, (_, index) => (index * 151 + length * 7) & 255)
    const cid = CID.createV1(length % 2 === 0 ? 0x55 : 0x0129, Digest.create(length === 32 ? 0x12 : 0, digest))
    expect(compactText(cid)).toBe(cid.toString())
  }
  const old = CID.createV0(Digest.create(0x12, new Uint8Array(32).fill(9)))
  expect(compactText(old)).toBe(old.toString())
})
