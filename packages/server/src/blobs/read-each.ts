import type { AbortOptions } from '@keepsake/content/block.ts'
import type { BlobPlace, BlobStore } from './blobs.ts'
import type { Slots } from './slots.ts'

/** `readMany` by one read for each place: for stores where a read is a request. `lanes` bounds how many there are at once. */
export async function readEach(
  store: Pick<BlobStore, 'read'>,
  places: readonly BlobPlace[],
  lanes: Slots,
  options?: AbortOptions,
): Promise<Uint8Array> {
  const parts = await Promise.all(
    places.map(({ key, offset, length }) => lanes.use(() => store.read(key, offset, length, options))),
  )
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}
