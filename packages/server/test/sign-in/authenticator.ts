import type { KeyObject } from 'node:crypto'
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto'

/** A passkey made in memory, and what goes wrong with it on demand. Web Authentication Level 3, sections 6.1 and 6.5. */
export interface Authenticator {
  /** What `navigator.credentials.create` gives, as JSON. */
  create(options: CreationOptions, over?: Over): object
  /** What `navigator.credentials.get` gives, as JSON. */
  get(options: { challenge: string; rpId?: string }, over?: Over): object
  id: string
  counter: number
}

interface CreationOptions {
  challenge: string
  rp: { id?: string }
  user: { id: string }
}

/** Lies. */
interface Over {
  origin?: string
  rpId?: string
  challenge?: string
  type?: string
  userVerified?: boolean
  counter?: number
  /** Signs with another key. */
  key?: KeyObject
  id?: string
}

const sha256 = (data: string | Buffer) => createHash('sha256').update(data).digest()

/** As much of CBOR (RFC 8949) as an attestation object needs. */
function cbor(value: unknown): Buffer {
  const head = (major: number, n: number) =>
    n < 24
      ? Buffer.from([(major << 5) | n])
      : n < 256
        ? Buffer.from([(major << 5) | 24, n])
        : Buffer.from([(major << 5) | 25, n >> 8, n & 255])
  if (typeof value === 'number') return value >= 0 ? head(0, value) : head(1, -1 - value)
  if (typeof value === 'string') return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)])
  if (Buffer.isBuffer(value)) return Buffer.concat([head(2, value.length), value])
  const entries = [...(value as Map<unknown, unknown>)]
  return Buffer.concat([head(5, entries.length), ...entries.flatMap(([k, v]) => [cbor(k), cbor(v)])])
}

export function authenticator({ origin, countsUses = true }: { origin: string; countsUses?: boolean }): Authenticator {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { x, y } = publicKey.export({ format: 'jwk' })
  const credentialId = randomBytes(32)
  let userHandle = ''
  const coseKey = cbor(
    new Map<number, unknown>([
      [1, 2],
      [3, -7],
      [-1, 1],
      [-2, Buffer.from(x!, 'base64url')],
      [-3, Buffer.from(y!, 'base64url')],
    ]),
  )
  const host = new URL(origin).hostname
  const clientData = (type: string, challenge: string, over: Over) =>
    Buffer.from(
      JSON.stringify({
        type: over.type ?? type,
        challenge: over.challenge ?? challenge,
        origin: over.origin ?? origin,
        crossOrigin: false,
      }),
    )
  const authData = (rpId: string, counter: number, { userVerified = true }: Over, attested?: Buffer) => {
    const flags = 0x01 | (userVerified ? 0x04 : 0) | (attested ? 0x40 : 0)
    const count = Buffer.alloc(4)
    count.writeUInt32BE(counter)
    return Buffer.concat([sha256(rpId), Buffer.from([flags]), count, attested ?? Buffer.alloc(0)])
  }
  const self: Authenticator = {
    id: credentialId.toString('base64url'),
    counter: 0,
    create({ challenge, rp, user }, over = {}) {
      userHandle = user.id
      const length = Buffer.alloc(2)
      length.writeUInt16BE(credentialId.length)
      const attested = Buffer.concat([Buffer.alloc(16), length, credentialId, coseKey])
      const data = authData(over.rpId ?? rp.id ?? host, over.counter ?? self.counter, over, attested)
      const attestation = cbor(
        new Map<string, unknown>([
          ['fmt', 'none'],
          ['attStmt', new Map()],
          ['authData', data],
        ]),
      )
      return {
        id: self.id,
        rawId: self.id,
        type: 'public-key',
        clientExtensionResults: {},
        response: {
          clientDataJSON: clientData('webauthn.create', challenge, over).toString('base64url'),
          attestationObject: attestation.toString('base64url'),
          transports: ['internal'],
        },
      }
    },
    get({ challenge, rpId }, over = {}) {
      if (countsUses) self.counter++
      const client = clientData('webauthn.get', challenge, over)
      const data = authData(over.rpId ?? rpId ?? host, over.counter ?? self.counter, over)
      const signature = sign('sha256', Buffer.concat([data, sha256(client)]), over.key ?? privateKey)
      const id = over.id ?? self.id
      return {
        id,
        rawId: id,
        type: 'public-key',
        clientExtensionResults: {},
        response: {
          clientDataJSON: client.toString('base64url'),
          authenticatorData: data.toString('base64url'),
          signature: signature.toString('base64url'),
          userHandle,
        },
      }
    },
  }
  return self
}
