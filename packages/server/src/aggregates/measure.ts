import { encodeSectionPrefix } from '@keepsake/content/car/encode.ts'
import { isContentError } from '@keepsake/content/errors.ts'
import type { CID } from 'multiformats/cid'
import { digestKey } from '../blocks/shard-writer.ts'
import type { ReadSection, SectionReader } from './section-reader.ts'
import { UnreadableBlockError } from './section-reader.ts'
import { walkDags } from './walk-dags.ts'

/** Blocks of a DAG that go into one aggregate: from the first to before the last in the order of a walk, and all above the first. */
export interface DagPart {
  firstBlock: number
  /** Undefined: to the last. */
  endBlock: number | undefined
  /** Of their sections. */
  bytes: number
  blocks: number
}

export interface Measured {
  /** Bytes of all blocks, each counted once. */
  dagBytes: number
  dagBlocks: number
  /** One, where it fits whole. */
  parts: DagPart[]
}

/** What a DAG takes, or why it cannot be told. */
export type Measurement = Measured | { obstacle: string }

/** How much of a DAG goes into one aggregate at most. */
export interface PartLimits {
  bytes: number
  blocks: number
}

/**
 * Walks DAGs over the index and tells what each takes, and where one that is too large is to be cut. Leaves are not read.
 */
export async function measureDags(
  reader: SectionReader,
  roots: readonly CID[],
  limits: PartLimits,
  signal?: AbortSignal,
): Promise<Measurement[]> {
  const results: Measurement[] = []
  while (results.length < roots.length) {
    const base = results.length
    try {
      await measureFrom(reader, roots.slice(base), limits, results, signal)
    } catch (error) {
      signal?.throwIfAborted()
      const isTold = error instanceof UnreadableBlockError || isContentError(error)
      if (!isTold) throw error
      results.push({ obstacle: error.message })
    }
  }
  return results
}

/** Adds a result for each root, in order; one that cannot be measured is thrown, those before it are there. */
async function measureFrom(
  reader: SectionReader,
  roots: readonly CID[],
  limits: PartLimits,
  results: Measurement[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const base = results.length
  let seen = new Set<string>()
  let entered = 0
  let counter = partCounter(limits)
  /** Roots before this one are done. */
  const finishUntil = (rootIndex: number) => {
    while (results.length - base < rootIndex) {
      results.push(counter.result())
      counter = partCounter(limits)
    }
  }
  const enter = (cid: CID, rootIndex: number): boolean => {
    if (rootIndex !== entered) seen = new Set()
    entered = rootIndex
    const before = seen.size
    return seen.add(digestKey(cid.multihash.bytes) + cid.code).size > before
  }
  try {
    for await (const blocks of walkDags(reader, roots, { enter, signal })) {
      for (const { cid, length, rootIndex, ancestors } of blocks) {
        finishUntil(rootIndex)
        counter.add(sectionBytes(cid, length), length, () => loadOf(ancestors()))
      }
    }
    finishUntil(roots.length)
  } catch (error) {
    finishUntil(entered)
    throw error
  }
}

function loadOf(sections: readonly ReadSection[]): { bytes: number; blocks: number } {
  return { bytes: sections.reduce((sum, { section }) => sum + section.length, 0), blocks: sections.length }
}

function sectionBytes(cid: CID, blockBytes: number): number {
  return encodeSectionPrefix(cid, blockBytes).length + blockBytes
}

function partCounter(limits: PartLimits) {
  const parts: DagPart[] = []
  let open: DagPart = { firstBlock: 0, endBlock: undefined, bytes: 0, blocks: 0 }
  let dagBytes = 0
  let dagBlocks = 0
  return {
    add(bytes: number, blockBytes: number, above: () => { bytes: number; blocks: number }): void {
      if (open.blocks > 0 && (open.bytes + bytes > limits.bytes || open.blocks + 1 > limits.blocks)) {
        parts.push({ ...open, endBlock: dagBlocks })
        open = { firstBlock: dagBlocks, endBlock: undefined, ...above() }
      }
      open.bytes += bytes
      open.blocks++
      dagBytes += blockBytes
      dagBlocks++
    },
    result: (): Measured => ({ dagBytes, dagBlocks, parts: [...parts, open] }),
  }
}
