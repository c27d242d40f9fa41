import type { CarBlock } from '@keepsake/content/car/decode.ts'
import { decodeCar } from '@keepsake/content/car/decode.ts'
import { carCid } from '@keepsake/content/car/encode.ts'
import { carRules } from '@keepsake/content/car/rules.ts'
import { dagBytesOf } from '@keepsake/content/dag/size.ts'
import { isContentError } from '@keepsake/content/errors.ts'
import { verifyBlock } from '@keepsake/content/hash/verify.ts'
import type { CID } from 'multiformats/cid'
import { dagCheck } from '../blocks/dag-check.ts'
import type { BlockEntry } from '../blocks/shard-writer.ts'
import { hashedAppender } from '../blocks/shard-writer.ts'
import { KeepsakeError } from '../errors.ts'
import type { ReceiveContext, Received } from './received.ts'

/** Blocks being hashed on other threads while the next are read; 16 of 2 MiB are 32 MiB. */
const maxBlocksInFlight = 16

/**
 * A CAR, kept byte for byte as it came (of a CARv2 the CARv1 inside), every block checked against its CID.
 *
 * @throws KeepsakeError `ERROR_INVALID_CAR` for a CAR that breaks one of the rules (facts: part 5, "CAR").
 */
export async function receiveCar(
  body: AsyncIterable<Uint8Array>,
  context: ReceiveContext & { maxBlockBytes: number },
): Promise<Received> {
  try {
    return await readCar(body, context)
  } catch (error) {
    if (isContentError(error))
      throw new KeepsakeError('ERROR_INVALID_CAR', `Invalid CAR file received: ${error.message}`, { cause: error })
    throw error
  }
}

async function readCar(
  body: AsyncIterable<Uint8Array>,
  { staged, signal, maxBlockBytes }: ReceiveContext & { maxBlockBytes: number },
): Promise<Received> {
  const out = hashedAppender(staged)
  await using car = await decodeCar(body, { signal, maxBlockBytes, onPayload: (chunk) => out.append(chunk) })
  const rules = carRules()
  const root = rules.checkRoots(car.roots)
  const index = carIndex(root)
  const verifying = new Set<Promise<void>>()
  let failure: unknown
  const fail = (error: unknown) => {
    failure ??= error
  }
  for await (const block of car.blocks) {
    rules.checkBlock(block)
    const verified = verifyBlock(block.cid, block.bytes)
    index.add(block)
    if (verified === undefined) continue
    const settled = verified.catch(fail).then(() => void verifying.delete(settled))
    verifying.add(settled)
    if (verifying.size >= maxBlocksInFlight) await Promise.race(verifying)
    if (failure !== undefined) throw failure
  }
  await Promise.all(verifying)
  if (failure !== undefined) throw failure
  rules.checkEnd()
  const cid = carCid(await out.finish())
  return {
    content: {
      cid: root,
      dagBytes: index.dagBytes,
      complete: index.complete,
      shard: { cid, sizeBytes: out.totalBytes, entries: index.entries },
    },
    type: 'Car',
    files: [],
    part: cid,
  }
}

/** What is noted of each block while it goes by. */
function carIndex(root: CID) {
  const entries: BlockEntry[] = []
  const dag = dagCheck()
  let dagBytes: number | undefined
  return {
    entries,
    add({ cid, bytes, offset, length }: CarBlock): void {
      // The CID is a view of the chunk it came in, which must not stay in memory for it.
      if (dag.add(cid, bytes)) entries.push({ multihash: cid.multihash.bytes.slice(), offset, length })
      if (cid.equals(root)) dagBytes = dagBytesOf(cid, bytes)
    },
    get dagBytes() {
      return dagBytes
    },
    get complete() {
      return dag.complete
    },
  }
}
