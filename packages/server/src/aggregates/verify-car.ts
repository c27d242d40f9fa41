import { type CarBlock, decodeCar } from '@keepsake/content/car/decode.ts'
import { verifyBlock } from '@keepsake/content/hash/verify.ts'
import type { CID } from 'multiformats/cid'

/** Nothing larger was ever accepted (`MAX_BLOCK_BYTES` ends at 4 MiB). */
const maxBlockBytes = 4 * 1024 * 1024
/** Blocks being hashed on other threads while the next are read. */
const maxInFlight = 16

/**
 * Reads a CAR from its first byte to its last and checks every block against its CID. `onBlock` gets each, in order, before its check may have ended.
 *
 * @returns the roots in its header
 * @throws {ContentError} for what is no CAR, and for a block that is not what its CID says
 */
export async function verifyCar(
  source: AsyncIterable<Uint8Array>,
  { onBlock, signal }: { onBlock: (block: CarBlock) => void; signal?: AbortSignal | undefined },
): Promise<CID[]> {
  await using car = await decodeCar(source, { signal, maxBlockBytes })
  const verifying = new Set<Promise<void>>()
  let failure: { error: unknown } | undefined
  const fail = (error: unknown) => {
    failure ??= { error }
  }
  for await (const block of car.blocks) {
    const checked = verifyBlock(block.cid, block.bytes)
    if (checked) {
      const settled: Promise<void> = checked.catch(fail).finally(() => verifying.delete(settled))
      verifying.add(settled)
      if (verifying.size >= maxInFlight) await Promise.race(verifying)
      if (failure) throw failure.error
    }
    onBlock(block)
  }
  await Promise.all(verifying)
  if (failure) throw failure.error
  return car.roots
}
