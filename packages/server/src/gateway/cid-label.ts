import { base32 } from 'multiformats/bases/base32'
import { base36 } from 'multiformats/bases/base36'
import type { CID } from 'multiformats/cid'
import { GatewayError } from './errors.ts'

const LIBP2P_KEY = 0x72

/** Longest DNS label, in characters (RFC 1035, section 2.3.4). */
const MAX_LABEL = 63

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
