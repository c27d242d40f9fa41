import { isContentError } from '@keepsake/content/errors.ts'
import type { CID } from 'multiformats/cid'
import { blocksOfPart } from '../aggregates/item-sections.ts'
import { type SectionReader, UnreadableBlockError } from '../aggregates/section-reader.ts'

/** Blocks of a DAG in the order of a walk: from the first to before the end. */
export interface PartRange {
  first: number
  end: number
}

/**
 * A block, chosen by chance, of the part of a split DAG that lies in one piece. The way there is read from our own copy, without leaves.
 *
 * @returns undefined where our own copy does not lead there
 */
export async function sampleBlock(
  reader: SectionReader,
  root: CID,
  { first, end }: PartRange,
  signal?: AbortSignal,
): Promise<CID | undefined> {
  const wanted = first + Math.floor(Math.random() * (end - first))
  try {
    // From the wanted block on its ancestors come first, which are in the piece as well; the last one is the block itself.
    let found: CID | undefined
    for await (const blocks of blocksOfPart(reader, root, { first: wanted, end: wanted + 1 }, signal)) found = blocks.at(-1)?.cid
    return found
  } catch (error) {
    if (error instanceof UnreadableBlockError || isContentError(error)) return undefined
    throw error
  }
}
