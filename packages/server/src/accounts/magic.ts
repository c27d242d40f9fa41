import type { Config } from '../config.ts'
import type { Db } from '../database/database.ts'
import { KeepsakeError } from '../errors.ts'
import { sha256 } from './session-cookie.ts'
import type { Identity } from './sign-in/store.ts'
import { insertSpentToken } from './sign-in/store.ts'
import { recoverSigner } from './wallet-signature.ts'

interface Components {
  config: Config
  database: Db
}

interface Claim {
  iat: number
  ext: number
  nbf: number
  iss: string
  sub: string
  aud: string
}

/** Clocks differ; Magic's own library allows as much. */
const clockSkewSeconds = 300
/** A token that lives longer than this is a password. */
const longestSeconds = 24 * 3600

/**
 * Who a Magic DID token is of: `base64(JSON [proof, claim])`, where `proof` is the EIP-191 signature of the text of `claim` by the key
 * that the issuer's DID names. (Magic, "Decentralized ID Token Specification".) Each token counts once.
 *
 * @throws KeepsakeError `ERROR_WAY_OFF`, `ERROR_INVALID_DID_TOKEN`
 */
export async function proveMagic({ config, database }: Components, token: string): Promise<Identity> {
  const clientId = config.MAGIC_CLIENT_ID
  if (!clientId) throw new KeepsakeError('ERROR_WAY_OFF', 'Signing in with Magic is not set up on this server.')
  const { proof, claimText } = unpack(token)
  const claim = readClaim(claimText)
  const address = /^did:ethr:(0x[0-9a-fA-F]{40})$/.exec(claim.iss)?.[1]?.toLowerCase()
  if (address === undefined) throw invalid('its issuer is no did:ethr')
  if (signerOf(claimText, proof) !== address) throw invalid('its issuer did not sign it')
  const now = Date.now() / 1000
  if (claim.aud !== clientId) throw invalid('it is for another application')
  if (claim.ext <= now) throw invalid('it has expired')
  if (claim.nbf - clockSkewSeconds > now || claim.iat - clockSkewSeconds > now) throw invalid('it is not valid yet')
  if (claim.ext - now > longestSeconds) throw invalid('it is valid for more than a day')
  // The claim, not the token: the same claim can be spelled in more than one way around it.
  if (!(await insertSpentToken(database, sha256(claimText), new Date(claim.ext * 1000)))) throw invalid('it was used already')
  return { kind: 'magic', subject: `did:ethr:${address}`, label: `Magic ${address.slice(0, 8)}…${address.slice(-4)}` }
}

function unpack(token: string): { proof: string; claimText: string } {
  try {
    const [proof, claimText] = JSON.parse(Buffer.from(token, 'base64').toString('utf8')) as unknown[]
    if (typeof proof === 'string' && typeof claimText === 'string') return { proof, claimText }
  } catch (error) {
    throw invalid('it is malformed', error)
  }
  throw invalid('it is malformed')
}

function readClaim(text: string): Claim {
  let claim: Partial<Record<keyof Claim, unknown>>
  try {
    claim = Object(JSON.parse(text))
  } catch (error) {
    throw invalid('its claim is malformed', error)
  }
  const isNumber = (name: keyof Claim) => Number.isSafeInteger(claim[name])
  const isText = (name: keyof Claim) => typeof claim[name] === 'string'
  if (!(['iat', 'ext', 'nbf'] as const).every(isNumber) || !(['iss', 'sub', 'aud'] as const).every(isText))
    throw invalid('its claim is incomplete')
  return claim as unknown as Claim
}

function signerOf(claimText: string, proof: string): string {
  try {
    return recoverSigner(claimText, proof)
  } catch (error) {
    throw invalid('its signature is not one', error)
  }
}

function invalid(reason: string, cause?: unknown): KeepsakeError {
  return new KeepsakeError('ERROR_INVALID_DID_TOKEN', `This DID token cannot be accepted: ${reason}.`, { cause })
}
