import type { CID } from 'multiformats/cid'
import type { AbortOptions } from '../block.ts'
import { ContentError } from '../errors.ts'
import type { CarFile } from './car-file.ts'
import type { ReadAt } from './read-at.ts'
import { MAX_PREFIX_BYTES, parseSectionPrefix } from './section-prefix.ts'

/** Read at once where sections are short: many prefixes come together. */
const WINDOW_BYTES = 256 * 1024
/** A section longer than this is passed over, and only the next prefix is read. */
const LONG_SECTION_BYTES = 16 * 1024

export interface ScannedSection {
  cid: CID
  /** Where the section begins, from the start of the CARv1: what indexes hold. */
  offset: number
}

/**
 * Finds every section of a CAR by what it begins with, and passes over the blocks: of a CAR with large blocks little is read. Ends at a section of
 * length 0, since pieces are filled up with zeros. Blocks are not verified.
 *
 * @throws {ContentError} `INVALID_CAR` at a section that cannot be read or is longer than what is left, and at the end of a CAR that is cut short
 */
export async function* scanSections(
  readAt: ReadAt,
  car: CarFile,
  { signal }: AbortOptions = {},
): AsyncGenerator<ScannedSection, void> {
  const { payloadOffset, payloadBytes, missingBytes, firstSection } = car
  let window: Uint8Array = new Uint8Array()
  let windowAt = 0
  let windowBytes = WINDOW_BYTES
  for (let offset = firstSection; offset < payloadBytes; ) {
    const needed = Math.min(MAX_PREFIX_BYTES, payloadBytes - offset)
    if (offset + needed > windowAt + window.length) {
      signal?.throwIfAborted()
      window = await readAt(payloadOffset + offset, Math.min(Math.max(windowBytes, needed), payloadBytes - offset))
      windowAt = offset
    }
    const prefix = parseSectionPrefix(window.subarray(offset - windowAt))
    if (prefix === undefined) return
    const sectionBytes = prefix.prefixBytes + prefix.blockBytes
    if (offset + sectionBytes > payloadBytes)
      throw new ContentError(
        'INVALID_CAR',
        `Unexpected end of data: the section at ${offset} has ${sectionBytes} bytes, ${payloadBytes - offset} are left`,
      )
    yield { cid: prefix.cid, offset }
    offset += sectionBytes
    windowBytes = sectionBytes > LONG_SECTION_BYTES ? MAX_PREFIX_BYTES : WINDOW_BYTES
  }
  if (missingBytes > 0) throw new ContentError('INVALID_CAR', `Unexpected end of data: ${missingBytes} bytes are missing`)
}
