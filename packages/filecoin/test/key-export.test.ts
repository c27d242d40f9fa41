import { describe, expect, it } from 'vitest'
import { formatAddress, parseAddress } from '../src/address.ts'
import { ChainFormatError } from '../src/errors.ts'
import { decodeKeyExport, encodeKeyExport } from '../src/key-export.ts'
import { decodeSignature, encodeSignature, newSecretKey, signerOf, verifySignature } from '../src/signature.ts'

// Keys that other programs publish as examples, with the addresses those give them.
const known = [
  [
    '7b2254797065223a22736563703235366b31222c22507269766174654b6579223a226b35507976337148327349586343595a58594f5775453149326e32554539436861556b6c4e36695a5763453d227d',
    'f1fib3pv7jua2ockdugtz7viz3cyy6lkhh7rfx3sa',
  ],
  [
    '7b2254797065223a22736563703235366b31222c22507269766174654b6579223a22514d736f78494d72626235353534376e2b6d44646a524644417334386c7038497031306267696b513436553d227d',
    'f1m75ifn664mo4hlp6hs2y4ouoetvhc4h3eh5rmhi',
  ],
  [
    '7b2254797065223a22626c73222c22507269766174654b6579223a226b434b523969566b73615a6672746b513979356e3269615862317279766d314d37637357456352313142673d227d',
    'f3vtr3myof7qghg3eq75qfagbfemrhycsqypmz2t6pfwwq5m3w73wlthhbtlrnjpyjxnhwz5pxboonb3bliv6q',
  ],
  [
    '7b2254797065223a22626c73222c22507269766174654b6579223a22746d39534b6349696537354e3664595459764f67794b4277676f366570567a315651776c675459427569733d227d',
    'f3wo44vs6uyzuzc7dipubydfzrdwfwhjzovcvdx5bqpish5srqx7veq7chbmew4uqiwakzvb6r6gquvt3xvksa',
  ],
] as const

describe.each(known)('the exported key %#', (text, address) => {
  it('has the address that other programs give it', () => {
    expect(formatAddress(decodeKeyExport(`\n${text} `).signer.address)).toBe(address)
  })

  it('is written back as it was', () => {
    expect(encodeKeyExport(decodeKeyExport(text))).toBe(text)
  })
})

it('a BLS key signs as Lotus does', () => {
  const key =
    '7b2254797065223a22626c73222c22507269766174654b6579223a226862702f794666527439514c43716b6d566171415752436f50556777314b776971716e73684e49704e57513d227d'
  const signature =
    '0280cef41af956cf6855725a5af0d8d956ea41f6da2688cc1f436a7ea5ebd15d96ba384746b819c0836c53a54d6d30b0a70b528204e9da92f833031e7a4776f57bad83e033ea0235bad0f8a5337a4eb66870fc0429175ed63f91203ec1b65c6e31'
  const message = Buffer.from('44554b45', 'hex')
  const { signer } = decodeKeyExport(key)
  expect(Buffer.from(encodeSignature(signer.sign(message))).toString('hex')).toBe(signature)
  const given = parseAddress('f3rpskqryflc2sqzzzu7j2q6fecrkdkv4p2avpf4kyk5u754he7g6cr2rbpmif7pam5oxbme2oyzot4ry3d74q')
  expect(verifySignature(decodeSignature(Buffer.from(signature, 'hex')), given, message)).toBe(true)
})

describe.each(['secp256k1', 'bls'] as const)('a new %s key', (kind) => {
  it('is another one each time, and survives being written and read', () => {
    const keys = Array.from({ length: 4 }, () => newSecretKey(kind))
    expect(new Set(keys.map(String)).size).toBe(4)
    for (const secretKey of keys) {
      const { secretKey: read, signer } = decodeKeyExport(encodeKeyExport({ kind, secretKey }))
      expect(read).toEqual(secretKey)
      expect(signer.address).toEqual(signerOf(kind, secretKey).address)
    }
  })
})

const hex = (json: unknown) => Buffer.from(JSON.stringify(json)).toString('hex')

it.each([
  ['nothing', ''],
  ['text', 'my key'],
  ['hexadecimal that is no JSON', '00ff00ff'],
  ['another type', hex({ Type: 'delegated', PrivateKey: 'AQ==' })],
  ['no private key', hex({ Type: 'bls' })],
  ['a private key that is no base64', hex({ Type: 'bls', PrivateKey: '****' })],
  ['a key that is too short', hex({ Type: 'secp256k1', PrivateKey: 'AQID' })],
  ['zero', hex({ Type: 'secp256k1', PrivateKey: Buffer.alloc(32).toString('base64') })],
  ['a number over the order of the group', hex({ Type: 'bls', PrivateKey: Buffer.alloc(32, 255).toString('base64') })],
])('%s is no key, and the refusal does not show it', (_what, text) => {
  const refusal = (() => {
    try {
      decodeKeyExport(text)
    } catch (error) {
      return error as ChainFormatError
    }
    return undefined
  })()
  expect(refusal).toBeInstanceOf(ChainFormatError)
  expect(refusal?.code).toBe('INVALID_KEY')
  if (text) expect(refusal?.message).not.toContain(text)
})
