import { base32 } from 'multiformats/bases/base32'
import { base36 } from 'multiformats/bases/base36'
import { base58btc } from 'multiformats/bases/base58'
import { CID } from 'multiformats/cid'
import { KeepsakeError } from '../errors.ts'

const decoder = base32.decoder.or(base58btc.decoder).or(base36.decoder)

/** @throws KeepsakeError `ERROR_INVALID_CID` */
export function parseCid(text: string): CID {
  try {
    // A CIDv0 has no base prefix, so the decoder must not be forced on it.
    return /^Qm[1-9A-HJ-NP-Za-km-z]{44}$/.test(text) ? CID.parse(text) : CID.parse(text, decoder)
  } catch (error) {
    throw new KeepsakeError('ERROR_INVALID_CID', `Invalid CID: ${text}`, { cause: error })
  }
}

/**
 * How uploads spell the CID asked for: a CIDv0 stays one, a CIDv1 of any base is base32. The two are different uploads, as they
 * were on nft.storage.
 */
export function storedSpelling(text: string): string {
  const cid = parseCid(text)
  return cid.version === 0 ? cid.toString() : cid.toString(base32)
}
