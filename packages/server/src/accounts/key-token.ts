import { createHash } from 'node:crypto'
import { jwtVerify, SignJWT } from 'jose'

/** The claims of an API key, as nft.storage made them. `iat` is in milliseconds, against RFC 7519, because its keys had it so. */
export interface KeyClaims {
  /** The user's subject. */
  sub: string
  iat: number
  name: string
}

const issuer = 'nft-storage'
/** A verified signature stays verified; 10,000 keys of ~300 bytes are 3 MB. */
const maxRemembered = 10_000

/** Signs and verifies API keys with one secret. */
export interface KeyTokens {
  /** The same claims always give the same text, so a key can be shown again without being stored. */
  sign(claims: KeyClaims): Promise<string>
  /** The claims of a token this server signed, or undefined for anything else (other secret, `alg: none`, garbage). */
  verify(token: string): Promise<KeyClaims | undefined>
}

export function keyTokens(secret: Uint8Array): KeyTokens {
  const remembered = new Map<string, KeyClaims>()
  const verify = async (token: string) => {
    const known = remembered.get(token)
    if (known) return known
    const claims = await verifiedClaims(token, secret)
    if (claims) {
      if (remembered.size >= maxRemembered) remembered.delete(remembered.keys().next().value as string)
      remembered.set(token, claims)
    }
    return claims
  }
  const sign = ({ sub, iat, name }: KeyClaims) =>
    new SignJWT({ sub, iss: issuer, iat, name }).setProtectedHeader({ alg: 'HS256', typ: 'JWT' }).sign(secret)
  return { sign, verify }
}

/** Text the database can hold: PostgreSQL takes no NUL. */
function isText(claim: unknown): claim is string {
  return typeof claim === 'string' && !claim.includes('\0')
}

async function verifiedClaims(token: string, secret: Uint8Array): Promise<KeyClaims | undefined> {
  try {
    const { payload } = await jwtVerify(token, secret, { algorithms: ['HS256'] })
    const { sub, iat, name } = payload
    return isText(sub) && Number.isSafeInteger(iat) && isText(name) ? { sub, iat: iat as number, name } : undefined
  } catch {
    return undefined
  }
}

/** How a key that another service issued is kept: only its hash. */
export function foreignDigest(token: string): Uint8Array {
  return createHash('sha256').update(token).digest()
}
