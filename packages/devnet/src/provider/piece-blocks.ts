import { readFile } from 'node:fs/promises'
import { dataOffset, indexRange, MIN_AGGREGATE_HEIGHT, parseIndex } from '@keepsake/content/aggregate/segments/index-area.ts'
import type { BlockSource } from '@keepsake/content/block.ts'
import { indexBuilder } from '@keepsake/content/car/build-index.ts'
import { carBlocks } from '@keepsake/content/car/car-blocks.ts'
import { openCarFile } from '@keepsake/content/car/car-file.ts'
import { type CarIndex, openCarIndex } from '@keepsake/content/car/multihash-index.ts'
import { type ReadAt, readAtFrom, readAtOf } from '@keepsake/content/car/read-at.ts'
import { scanSections } from '@keepsake/content/car/scan-sections.ts'
import { isContentError } from '@keepsake/content/errors.ts'
import { capacityBytes, heightFor } from '@keepsake/content/piece/piece.ts'
import { readAtPath } from './read-at-path.ts'
import { writeWhole } from './write-whole.ts'

/** Where the index of a piece lies. */
export function indexPath(path: string): string {
  return `${path}.carindex`
}

/** Part of a piece that is a CAR. */
interface CarPlace {
  offset: number
  length: number
}

/** One CAR, or as many as the index at the end of a piece of data segments (FRC-0058) names. */
async function listCars(readAt: ReadAt, sizeBytes: number): Promise<CarPlace[]> {
  const height = heightFor(sizeBytes)
  const whole = [{ offset: 0, length: sizeBytes }]
  if (height < MIN_AGGREGATE_HEIGHT || capacityBytes(height) !== sizeBytes) return whole
  const { offset, length } = indexRange(height)
  const { entries } = parseIndex(await readAt(offset, length), height)
  if (entries.length === 0) return whole
  return entries.map((entry) => ({ offset: dataOffset(entry.offset), length: capacityBytes(entry.height) }))
}

/** Looks once through a piece for the blocks in it, so that it can be served by CID. What is no CAR is served as a piece only. */
export async function indexPiece(path: string, sizeBytes: number, signal: AbortSignal): Promise<void> {
  const builder = indexBuilder()
  const readAt = readAtPath(path)
  for (const { offset, length } of await listCars(readAt, sizeBytes)) {
    try {
      const inPlace = readAtFrom(readAt, offset)
      const car = await openCarFile(inPlace, length, signal)
      for await (const section of scanSections(inPlace, car, { signal }))
        builder.add(section.cid.multihash, offset + car.payloadOffset + section.offset)
    } catch (error) {
      if (!isContentError(error, 'INVALID_CAR')) throw error
    }
  }
  await writeWhole(indexPath(path), builder.encode())
}

/** The blocks of an indexed piece, and which there are. Every block is checked when it is read. */
export async function openPieceBlocks(path: string, sizeBytes: number): Promise<{ blocks: BlockSource; index: CarIndex }> {
  const bytes = await readFile(indexPath(path))
  const index = await openCarIndex(readAtOf(bytes), bytes.length)
  return { blocks: carBlocks(readAtPath(path), { payloadOffset: 0, payloadBytes: sizeBytes }, index), index }
}
