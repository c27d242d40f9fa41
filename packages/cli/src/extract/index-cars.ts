import { indexBuilder } from '@keepsake/content/car/build-index.ts'
import type { CarFile } from '@keepsake/content/car/car-file.ts'
import type { ReadAt } from '@keepsake/content/car/read-at.ts'
import { scanSections } from '@keepsake/content/car/scan-sections.ts'
import { isContentError } from '@keepsake/content/errors.ts'
import type { Context } from '../context.ts'

/**
 * Makes one index of CARs that lie in one file, by what each of their sections begins with. Offsets count from `origin` in the file. Damage is told,
 * not thrown: what lies in front of it can still be taken out.
 */
export async function indexCars(
  readAt: ReadAt,
  cars: readonly CarFile[],
  origin: number,
  { progress, signal }: Context,
): Promise<{ bytes: Uint8Array; cut: string | undefined }> {
  const builder = indexBuilder()
  let cut: string | undefined
  let done = 0
  progress.begin(
    'Looking for blocks',
    cars.reduce((sum, { payloadBytes }) => sum + payloadBytes, 0),
  )
  for (const car of cars) {
    try {
      for await (const { cid, offset } of scanSections(readAt, car, { signal })) {
        builder.add(cid.multihash, car.payloadOffset - origin + offset)
        progress.update(done + offset)
      }
    } catch (error) {
      if (!isContentError(error, 'INVALID_CAR')) throw error
      cut ??= error.message
    }
    done += car.payloadBytes
  }
  progress.end()
  return { bytes: builder.encode(), cut }
}
