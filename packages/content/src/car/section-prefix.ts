import { varint } from 'multiformats'
import { CID } from 'multiformats/cid'
import { ContentError } from '../errors.ts'

/** CIDs in use take 36 bytes; the longest hash is 64. */
const MAX_CID_BYTES = 128
/** What has to be read to know where a section ends and which block it holds. */
export const MAX_PREFIX_BYTES = 8 + MAX_CID_BYTES

export interface SectionPrefix {
  cid: CID
  /** Length of the prefix: the block begins behind it. */
  prefixBytes: number
  blockBytes: number
}

/**
 * What a section begins with: its length, and the CID of its block. Undefined for a section of length 0, which is no section: files are filled
 * up with zeros.
 *
 * @throws {ContentError} `INVALID_CAR`
 */
export function parseSectionPrefix(bytes: Uint8Array): SectionPrefix | undefined {
  try {
    const [sectionBytes, lengthBytes] = varint.decode(bytes)
    if (sectionBytes === 0) return undefined
    if (!Number.isSafeInteger(sectionBytes)) throw new RangeError('its length is more than 2^53 - 1')
    const rest = bytes.subarray(lengthBytes, lengthBytes + MAX_CID_BYTES)
    const { size } = CID.inspectBytes(rest)
    if (size > sectionBytes || size > rest.length) throw new RangeError('its CID is longer than it')
    return { cid: CID.decode(rest.slice(0, size)), prefixBytes: lengthBytes + size, blockBytes: sectionBytes - size }
  } catch (cause) {
    throw new ContentError('INVALID_CAR', `Invalid CAR section: ${cause instanceof Error ? cause.message : cause}`, { cause })
  }
}
