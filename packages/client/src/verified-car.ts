import type { CarBlock } from '@keepsake/content/car/decode.ts'
import { decodeCar } from '@keepsake/content/car/decode.ts'
import { encodeCarHeader, encodeSectionPrefix } from '@keepsake/content/car/encode.ts'
import { isIdentity } from '@keepsake/content/dag/identity.ts'
import { linksOf } from '@keepsake/content/dag/links.ts'
import { isContentError } from '@keepsake/content/errors.ts'
import { verifyBlock } from '@keepsake/content/hash/verify.ts'
import type { CID } from 'multiformats/cid'
import { notVerified, responseBytes, unreadable } from './car-blocks.ts'
import type { Connection } from './connection.ts'
import { ClientError } from './errors.ts'
import { requestCar } from './gateway.ts'

interface VerifiedCarOptions {
  signal?: AbortSignal | undefined
  onProgress?: ((receivedBytes: number) => void) | undefined
}

/**
 * The bytes of a CARv1 with the whole DAG of `cid`, each block once, checked, and wanted by one before it: in the end all of it is
 * there, or this throws. Works for DAGs of any codec whose links can be read.
 *
 * @throws ClientError `NOT_VERIFIED`, `UNEXPECTED_ANSWER`, `REFUSED`, `UNREACHABLE`
 */
export async function* verifiedCar(
  connection: Connection,
  cid: CID,
  options: VerifiedCarOptions = {},
): AsyncGenerator<Uint8Array, void> {
  const { signal, onProgress } = options
  const response = await requestCar(connection, cid, { duplicates: false, signal })
  let receivedBytes = 0
  const source = responseBytes(response, (count) => {
    receivedBytes += count
    onProgress?.(receivedBytes)
  })
  const dag = wantedBlocks(cid)
  yield encodeCarHeader([cid])
  try {
    await using car = await decodeCar(source, { signal, maxBlockBytes: 4 * 1024 * 1024 })
    for await (const block of car.blocks) {
      await verifyBlock(block.cid, block.bytes)
      if (!dag.accept(block)) continue
      yield encodeSectionPrefix(block.cid, block.bytes.length)
      yield block.bytes
    }
  } catch (error) {
    signal?.throwIfAborted()
    if (isContentError(error, 'HASH_MISMATCH')) throw notVerified(error)
    if (isContentError(error)) throw unreadable(error)
    if (error instanceof TypeError)
      throw new ClientError('UNREACHABLE', `The connection to ${connection.endpoint} broke.`, { cause: error })
    throw error
  }
  if (dag.missing > 0) {
    throw new ClientError('UNEXPECTED_ANSWER', `The gateway did not send all of ${cid}: ${dag.missing} blocks are missing.`)
  }
}

/** Which blocks are still to come, by multihash: the same bytes may be linked as different codecs. */
function wantedBlocks(root: CID) {
  const nameOf = (cid: CID) => String.fromCharCode(...cid.multihash.bytes)
  const wanted = new Set([nameOf(root)])
  const seen = new Set<string>()
  return {
    get missing() {
      return wanted.size
    },
    /** Whether the block is one that was waited for; then what it links to is waited for from now on. */
    accept({ cid, bytes }: CarBlock): boolean {
      const name = nameOf(cid)
      if (!wanted.delete(name)) return false
      seen.add(name)
      for (const link of linksOf(cid, bytes) ?? []) {
        const linked = nameOf(link)
        if (!isIdentity(link) && !seen.has(linked)) wanted.add(linked)
      }
      return true
    },
  }
}
