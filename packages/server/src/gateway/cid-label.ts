import { base16, base16upper } from 'multiformats/bases/base16'
import { base32, base32upper } from 'multiformats/bases/base32'
import { base36, base36upper } from 'multiformats/bases/base36'
import { base58btc } from 'multiformats/bases/base58'
import { base64url } from 'multiformats/bases/base64'
import { CID } from 'multiformats/cid'
import { GatewayError } from './errors.ts'

const LIBP2P_KEY = 0x72

/** Longest DNS label, in characters (RFC 1035, section 2.3.4). */
const MAX_LABEL = 63

const bases = [base32, base32upper, base36, base36upper, base58btc, base16, base16upper, base64url]
const decoderOf = new Map(bases.map((base) => [base.prefix as string, base.decoder]))

/** Reads a CID in any base in use; undefined where the text is not one. */
export function findCid(text: string): CID | undefined {
  try {
    const decoder = text.startsWith('Qm') ? undefined : decoderOf.get(text.slice(0, 1))
    return decoder ? CID.parse(text, decoder) : CID.parse(text)
  } catch {
    return undefined
  }
}

/**
 * A CID as a DNS label: version 1, in base32, keys of names in base36 because base32 would be too long. Throws 400 where it does
 * not fit. (Subdomain Gateway specification, "DNS label limits".)
 */
export function labelOf(cid: CID): string {
  const v1 = cid.toV1()
  const label = v1.code === LIBP2P_KEY ? v1.toString(base36) : v1.toString(base32)
  if (label.length <= MAX_LABEL) return label
  throw new GatewayError(
    400,
    `CID incompatible with DNS label length limit of ${MAX_LABEL}: ${label} has ${label.length} characters. Ask for it by path on another host of this gateway.`,
  )
}
