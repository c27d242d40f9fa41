import { base32, base32upper } from 'multiformats/bases/base32'
import { base58btc } from 'multiformats/bases/base58'
import { base64url } from 'multiformats/bases/base64'
import { KeepsakeError } from '../errors.ts'

/** What one token of a UCAN says, its signature aside. Source: UCAN.Storage specification, section 3.2. */
interface UcanPayload {
  att: { with: string; can: string; mh?: unknown }[]
  prf: string[]
}

/** Tokens in one chain, proofs of proofs included. Each costs a signature check of over a millisecond before anybody is known. */
const maxTokens = 16
/** Every capability of a token is held against every one of its proofs. */
const maxCapabilities = 16

export function invalidUcan(reason: string, cause?: unknown): KeepsakeError {
  return new KeepsakeError('ERROR_INVALID_UCAN', `Invalid UCAN: ${reason}`, { cause })
}

function decodePart(part: string | undefined): unknown {
  return JSON.parse(Buffer.from(part ?? '', 'base64url').toString('utf8'))
}

/** Whether a bearer token calls itself a UCAN. Nothing is verified; of an API key only the few characters of its header are read. */
export function isUcan(token: string): boolean {
  const dot = token.indexOf('.')
  if (dot < 0 || dot > 200) return false
  try {
    return typeof (decodePart(token.slice(0, dot)) as { ucv?: unknown } | null)?.ucv === 'string'
  } catch {
    return false
  }
}

/**
 * All tokens of a chain, the outermost first, checked for their form and their number only.
 *
 * @throws KeepsakeError `ERROR_INVALID_UCAN`
 */
export function readChain(token: string): UcanPayload[] {
  const found: UcanPayload[] = []
  const waiting = [token]
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    if (found.length === maxTokens) throw invalidUcan(`The chain has more than ${maxTokens} tokens.`)
    const payload = readPayload(next)
    found.push(payload)
    waiting.push(...payload.prf)
  }
  return found
}

function readPayload(token: string): UcanPayload {
  let payload: Record<keyof UcanPayload | 'iss' | 'aud' | 'exp', unknown>
  try {
    payload = decodePart(token.split('.')[1]) as typeof payload
    const { iss, aud, exp, att, prf } = payload
    const wellFormed =
      typeof iss === 'string' &&
      typeof aud === 'string' &&
      Number.isFinite(exp) &&
      Array.isArray(att) &&
      att.every((cap) => typeof cap.with === 'string' && typeof cap.can === 'string') &&
      Array.isArray(prf) &&
      prf.every((proof) => typeof proof === 'string')
    if (wellFormed && att.length <= maxCapabilities) return { att, prf }
  } catch (error) {
    throw invalidUcan('A token of the chain cannot be decoded.', error)
  }
  throw invalidUcan(
    `A token of the chain lacks iss, aud, exp, att or prf, has one of the wrong kind, or over ${maxCapabilities} in att.`,
  )
}

const multibases = base32.decoder.or(base58btc.decoder).or(base64url.decoder)

/** The specification writes multihashes in upper-case base32 without a prefix; with a multibase prefix they are understood too. */
function decodeMultihash(text: unknown): Uint8Array {
  try {
    const mh = text as string
    return /^[A-Z2-7]+$/.test(mh) ? base32upper.decode(`B${mh}`) : multibases.decode(mh)
  } catch (error) {
    throw invalidUcan('The multihash in `mh` cannot be decoded.', error)
  }
}

/**
 * The multihashes a chain is for, a list for each token that grants nothing without naming one: what is stored must have one of
 * each list. (Section 4.2.2.1; the original service read `mh` and did not enforce it.)
 */
export function contentConstraints(chain: readonly UcanPayload[]): Uint8Array[][] {
  return chain
    .filter(({ att }) => att.length > 0 && att.every(({ mh }) => mh !== undefined))
    .map(({ att }) => att.map(({ mh }) => decodeMultihash(mh)))
}
