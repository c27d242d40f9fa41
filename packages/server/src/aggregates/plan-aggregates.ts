import { CID } from 'multiformats/cid'
import type { BlobStore } from '../blobs/blobs.ts'
import type { Db } from '../database/database.ts'
import { tellContentsChanged } from '../jobs/content-changes.ts'
import type { Facts } from '../jobs/facts.ts'
import { boxOf, closeAggregate, closeDue } from './close-aggregates.ts'
import type { Measured, Measurement } from './measure.ts'
import { measureDags } from './measure.ts'
import type { Box } from './packing.ts'
import { forcedAt, isFull, packInto } from './packing.ts'
import type { PackingRules } from './rules.ts'
import { sectionReader } from './section-reader.ts'
import type { NewEntry, WaitingContent } from './store.ts'
import {
  dropForgotten,
  insertAggregate,
  insertEntries,
  listCollecting,
  listStalled,
  listWaiting,
  lockPlanning,
  nextRetry,
  noteObstacle,
  oldestWaiting,
  reviveObstructed,
  setAside,
  takeKnown,
  takeWaiting,
} from './store.ts'

export interface PlanComponents {
  database: Db
  blobs: BlobStore
  facts: Facts
  rules: PackingRules
}

/** Contents taken in one transaction. */
const batchSize = 1000
/** What an item takes beside its blocks: its line in the manifest, its folder, the links to it. They hold its CID in text four times. */
const overheadBytes = 500
const cidTextsOfItem = 4
/** An aggregate nobody has worked on for so long has lost its job. */
const idleMs = 3_600_000
/** Between two runs, at least. */
const minPauseMs = 250
export const obstacleDelaysMs = { first: 10 * 60_000, longest: 24 * 3_600_000 }

/**
 * Does all planning that is due: takes contents that have settled into aggregates, closes those that are full or whose oldest item has waited long
 * enough, starts again what failed and whose time has come, and asks to be run again when the next of these is due.
 *
 * Each batch is a transaction of its own, so it may be broken off anywhere.
 */
export async function planAggregates(components: PlanComponents, signal?: AbortSignal): Promise<void> {
  const { database, rules } = components
  await reviveObstructed(database, new Date())
  for (;;) {
    signal?.throwIfAborted()
    const waiting = await listWaiting(database, new Date(Date.now() - rules.settleMs), batchSize)
    await takeBatch(components, waiting, signal)
    if (waiting.length < batchSize) break
  }
  await closeDue(components)
  await dropForgotten(database)
  await resumeStalled(components)
  await planNextRun(components)
}

async function takeBatch(components: PlanComponents, waiting: readonly WaitingContent[], signal?: AbortSignal): Promise<void> {
  const { database, rules } = components
  const idsOf = (contents: readonly WaitingContent[]) => contents.map(({ id }) => id)
  await setAside(database, idsOf(waiting.filter(({ held }) => !held)))
  const held = waiting.filter((content) => content.held)
  await takeKnown(database, idsOf(held.filter(({ known }) => known)))
  const fresh = held.filter(({ known }) => !known)
  if (fresh.length === 0) return
  const roots = fresh.map(({ cid }) => CID.decode(cid))
  const measurements = await measureDags(sectionReader(components), roots, partLimits(rules), signal)
  const good: { content: WaitingContent; measured: Measured }[] = []
  for (const [index, content] of fresh.entries()) {
    const measurement = measurements[index] as Measurement
    if ('obstacle' in measurement) await noteObstacle(database, content.id, measurement.obstacle, obstacleDelaysMs)
    else good.push({ content, measured: measurement })
  }
  await enter(components, good)
}

function partLimits({ layout, targetBytes, maxBlocks }: PackingRules) {
  // Half a piece is the largest segment beside an index.
  const share = layout === 'segments' ? 0.5 : 1
  return { bytes: Math.floor(targetBytes * share) - 64 * 1024 + overheadBytes, blocks: maxBlocks }
}

interface Packable {
  content: WaitingContent
  measured: Measured
  part: number
  bytes: number
  blocks: number
  completeAt: Date
  splitId: number | undefined
}

/** Puts measured contents into aggregates that collect, in one transaction. */
async function enter(
  { database, facts, rules }: PlanComponents,
  good: readonly { content: WaitingContent; measured: Measured }[],
): Promise<void> {
  if (good.length === 0) return
  await database.kysely.transaction().execute(async (kysely) => {
    const db = { kysely }
    await lockPlanning(db)
    const taken = await takeWaiting(
      db,
      good.map(({ content }) => content.id),
    )
    const packables = good.filter(({ content }) => taken.has(content.id)).flatMap((one) => packablesOf(one, rules))
    if (packables.length === 0) return
    const boxes = (await listCollecting(db, rules.layout)).map(boxOf)
    const places = packInto(boxes, packables, rules)
    for (const box of boxes) if (box.items > 0) box.id ??= await insertAggregate(db, rules.layout)
    await insertEntries(
      db,
      rules.layout,
      packables.map((packable) => entryOf(packable, places.get(packable) as Box)),
    )
    await tellContentsChanged(
      db,
      packables.map(({ content }) => content.id),
    )
    for (const box of boxes) if (box.id !== undefined && isFull(box, rules)) await closeAggregate(db, facts, box.id, 'full')
  })
}

/** The parts of a DAG; what a segment takes is a power of two. */
function packablesOf({ content, measured }: { content: WaitingContent; measured: Measured }, rules: PackingRules): Packable[] {
  const cidBytes = CID.decode(content.cid).toString().length
  return measured.parts.map(({ bytes, blocks }, part) => ({
    content,
    measured,
    part,
    bytes: rules.layout === 'segments' ? segmentBytes(bytes) : bytes + overheadBytes + cidTextsOfItem * cidBytes,
    blocks,
    completeAt: content.completeAt,
    splitId: measured.parts.length > 1 ? content.id : undefined,
  }))
}

/** What a CAR of so many bytes of sections takes as a segment, in bytes of data: a power of two of the padded form. */
function segmentBytes(bytes: number): number {
  const headerBytes = 64 * 1.5
  const quads = Math.ceil((bytes + headerBytes) / 127)
  return 2 ** Math.ceil(Math.log2(Math.max(1, quads))) * 127
}

function entryOf({ content, measured, part, bytes, blocks }: Packable, { id }: Box): NewEntry {
  const { firstBlock, endBlock } = measured.parts[part] as Measured['parts'][number]
  return {
    aggregateId: id as number,
    contentId: content.id,
    cid: content.cid,
    part,
    parts: measured.parts.length,
    firstBlock,
    endBlock: endBlock ?? null,
    dagBytes: measured.dagBytes,
    dagBlocks: measured.dagBlocks,
    plannedBytes: bytes,
    plannedBlocks: blocks,
    completeAt: content.completeAt,
  }
}

/** Work that was lost is begun again: a fact whose job waits or runs already changes nothing. */
async function resumeStalled({ database, facts }: PlanComponents): Promise<void> {
  await database.kysely.transaction().execute(async (kysely) => {
    const db = { kysely }
    const now = new Date()
    for (const { id, state } of await listStalled(db, now, new Date(now.getTime() - idleMs))) {
      await facts.record(db, state === 'building' ? 'aggregate:closed' : 'piece:computed', { aggregateId: id })
    }
  })
}

/** Has this run again when the next content has settled, the next aggregate is forced, or the next failure is to be tried again. */
async function planNextRun({ database, facts, rules }: PlanComponents): Promise<void> {
  const oldest = await oldestWaiting(database)
  const collecting = await listCollecting(database, rules.layout)
  const due = [
    oldest && new Date(oldest.getTime() + rules.settleMs),
    await nextRetry(database),
    ...collecting.map((row) => forcedAt(boxOf(row), rules)),
  ].filter((at) => at !== undefined)
  const soonest = Math.min(...due.map((at) => at.getTime()))
  if (Number.isFinite(soonest))
    await facts.sweepAt(database, 'plan-aggregates', new Date(Math.max(soonest, Date.now() + minPauseMs)))
}
