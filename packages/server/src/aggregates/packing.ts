import type { PackingRules } from './rules.ts'

/** What something takes in an aggregate, at most. */
export interface Load {
  items: number
  bytes: number
  blocks: number
}

/** An aggregate that is being filled. */
export interface Box extends Load {
  /** Undefined for one that has no row yet. */
  id: number | undefined
  oldestAt: Date | undefined
  /** Whether something did not fit: then it is closed as soon as it holds the minimum. */
  refusedSome: boolean
  /** Of DAGs that were split: parts of one go into different boxes. */
  splitIds: Set<number>
}

export interface Packable {
  bytes: number
  blocks: number
  completeAt: Date
  /** Of a part of a split DAG: which DAG. */
  splitId?: number | undefined
}

/** At this share of the target nothing worth waiting for fits. */
const fullShare = 0.99

export function emptyBox(): Box {
  return { id: undefined, items: 0, bytes: 0, blocks: 0, oldestAt: undefined, refusedSome: false, splitIds: new Set() }
}

function fits(box: Load, { bytes, blocks }: Packable, rules: PackingRules): boolean {
  return box.bytes + bytes <= rules.targetBytes && box.blocks + blocks <= rules.maxBlocks && box.items < rules.maxItems
}

/**
 * Puts each of `packables` into the first box that has room for it, the largest first, and into a new one where none has. Changes the
 * boxes, adds new ones to them, and gives which box each went into.
 */
export function packInto<P extends Packable>(boxes: Box[], packables: readonly P[], rules: PackingRules): Map<P, Box> {
  const places = new Map<P, Box>()
  for (const packable of [...packables].sort((a, b) => b.bytes - a.bytes)) {
    let place: Box | undefined
    for (const box of boxes) {
      if (packable.splitId !== undefined && box.splitIds.has(packable.splitId)) continue
      if (fits(box, packable, rules)) {
        place = box
        break
      }
      box.refusedSome = true
    }
    if (!place) {
      place = emptyBox()
      boxes.push(place)
    }
    place.items++
    place.bytes += packable.bytes
    place.blocks += packable.blocks
    if (!place.oldestAt || packable.completeAt < place.oldestAt) place.oldestAt = packable.completeAt
    if (packable.splitId !== undefined) place.splitIds.add(packable.splitId)
    places.set(packable, place)
  }
  return places
}

/** Whether more is not worth waiting for. */
export function isFull(box: Box, rules: PackingRules): boolean {
  if (box.items >= rules.maxItems || box.blocks >= rules.maxBlocks * fullShare) return true
  if (box.bytes < rules.minBytes) return false
  return box.refusedSome || box.bytes >= rules.targetBytes * fullShare
}

/** When a box has to be closed, full or not; undefined for an empty one. */
export function forcedAt({ oldestAt }: Pick<Box, 'oldestAt'>, rules: PackingRules): Date | undefined {
  return oldestAt && new Date(oldestAt.getTime() + rules.forceMs)
}
