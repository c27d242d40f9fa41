import type { CID } from 'multiformats/cid'
import type { AbortOptions, Block, BlockSource } from '../block.ts'
import { withIdentity } from '../dag/identity.ts'
import { ContentError, isContentError } from '../errors.ts'
import { verifyBlock } from '../hash/verify.ts'
import { sameBytes } from '../unixfs/read/scan.ts'
import type { CarFile } from './car-file.ts'
import type { CarIndex } from './multihash-index.ts'
import type { ReadAt } from './read-at.ts'
import { MAX_PREFIX_BYTES, parseSectionPrefix } from './section-prefix.ts'

/** Largest block that is read into memory. Nothing larger is exchanged, and little larger was ever stored. */
const MAX_READ_BLOCK_BYTES = 32 * 1024 * 1024

/**
 * The blocks of a CAR, found by an index and each checked against its CID: neither the index nor the file has to be trusted.
 *
 * Throws `BLOCK_NOT_FOUND` for what the index does not name, `INVALID_CAR` where the index leads to something else, `HASH_MISMATCH` where the block
 * is damaged.
 */
export function carBlocks(readAt: ReadAt, car: Pick<CarFile, 'payloadOffset' | 'payloadBytes'>, index: CarIndex): BlockSource {
  async function get(cid: CID, options?: AbortOptions): Promise<Uint8Array> {
    const offsets = await index.find(cid.multihash, options)
    let failure: unknown = new ContentError('BLOCK_NOT_FOUND', `Block ${cid} is not in this file.`)
    for (const offset of offsets) {
      try {
        return await readSection(readAt, car, cid, offset)
      } catch (error) {
        // Another section may hold a good copy.
        if (!isContentError(error)) throw error
        failure = error
      }
    }
    throw failure
  }
  return withIdentity({
    get,
    async *getMany(cids, options): AsyncGenerator<Block> {
      for (const cid of cids) yield { cid, bytes: await get(cid, options) }
    },
  })
}

async function readSection(
  readAt: ReadAt,
  { payloadOffset, payloadBytes }: Pick<CarFile, 'payloadOffset' | 'payloadBytes'>,
  cid: CID,
  offset: number,
): Promise<Uint8Array> {
  const wrong = (what: string) =>
    new ContentError('INVALID_CAR', `The index of this CAR is not its own: at ${offset} there ${what}`)
  if (!Number.isSafeInteger(offset) || offset >= payloadBytes) throw wrong(`is nothing, the CAR has ${payloadBytes} bytes`)
  const prefix = parseSectionPrefix(await readAt(payloadOffset + offset, Math.min(MAX_PREFIX_BYTES, payloadBytes - offset)))
  if (prefix === undefined) throw wrong('is no section')
  if (prefix.cid.multihash.code !== cid.multihash.code || !sameBytes(prefix.cid.multihash.digest, cid.multihash.digest))
    throw wrong(`is ${prefix.cid}, not ${cid}`)
  const { prefixBytes, blockBytes } = prefix
  if (blockBytes > MAX_READ_BLOCK_BYTES)
    throw new ContentError(
      'LIMIT_EXCEEDED',
      `Block ${cid} has ${blockBytes} bytes, more than the limit of ${MAX_READ_BLOCK_BYTES}.`,
    )
  const at = offset + prefixBytes
  const bytes = at + blockBytes <= payloadBytes ? await readAt(payloadOffset + at, blockBytes) : new Uint8Array()
  if (bytes.length < blockBytes) throw new ContentError('INVALID_CAR', `Unexpected end of data: block ${cid} is cut short`)
  await verifyBlock(cid, bytes)
  return bytes
}
