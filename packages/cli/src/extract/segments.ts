import { dataOffset, indexRange, MIN_AGGREGATE_HEIGHT, parseIndex } from '@keepsake/content/aggregate/segments/index-area.ts'
import { type CarFile, openCarFile } from '@keepsake/content/car/car-file.ts'
import { type ReadAt, readAtFrom } from '@keepsake/content/car/read-at.ts'
import { isContentError } from '@keepsake/content/errors.ts'
import { capacityBytes, heightFor } from '@keepsake/content/piece/piece.ts'

/** Where a segment's data lies in the file of its aggregate. */
interface SegmentPlace {
  offset: number
  length: number
}

interface Segments {
  places: SegmentPlace[]
  /** How many entries of the index are damaged, or say what cannot be. */
  invalid: number
}

/**
 * The segments of an aggregate, by the index at the end of its file. Undefined for a file that is none: of another length than a piece has room
 * for, or without a single entry.
 */
export async function listSegments(readAt: ReadAt, sizeBytes: number): Promise<Segments | undefined> {
  const height = heightFor(sizeBytes)
  if (height < MIN_AGGREGATE_HEIGHT || capacityBytes(height) !== sizeBytes) return undefined
  const { offset, length } = indexRange(height)
  const data = await readAt(offset, length)
  // A CAR filled up with zeros, of whatever size.
  if (data.every((byte) => byte === 0)) return undefined
  const { entries, invalid } = parseIndex(data, height)
  if (entries.length === 0) return undefined
  const places = entries.map((entry) => ({ offset: dataOffset(entry.offset), length: capacityBytes(entry.height) }))
  // An index that names one place over and over is made to have it read as often.
  return { places: [...new Map(places.map((place) => [`${place.offset} ${place.length}`, place])).values()], invalid }
}

/** The CARs among segments, each where it lies in the file. What is no CAR is passed over: a segment may be anything. */
export async function openSegmentCars(readAt: ReadAt, segments: readonly SegmentPlace[]): Promise<CarFile[]> {
  const cars: CarFile[] = []
  for (const { offset, length } of segments) {
    try {
      const car = await openCarFile(readAtFrom(readAt, offset), length)
      cars.push({ ...car, payloadOffset: offset + car.payloadOffset })
    } catch (error) {
      if (!isContentError(error, 'INVALID_CAR')) throw error
    }
  }
  return cars
}
