import { createHash } from 'node:crypto'
import type { Timeline } from '@keepsake/api/timeline.ts'
import type { Db } from '../database/database.ts'
import type { TimelineSource } from '../uploads/timeline.ts'
import { getTimelineSubject } from '../uploads/timeline.ts'

export interface TimelineComponents {
  database: Db
  /** One of each part, in the order in which their steps become true. */
  timelineSources: readonly TimelineSource[]
}

/** What became of one of a user's uploads. @throws KeepsakeError `ERROR_INVALID_CID`, `NOT_FOUND` */
export async function readTimeline(
  { database, timelineSources }: TimelineComponents,
  wanted: Parameters<typeof getTimelineSubject>[1],
): Promise<Timeline> {
  const subject = await getTimelineSubject({ database }, wanted)
  const steps = await Promise.all(timelineSources.map((stepsOf) => stepsOf(subject)))
  return { cid: subject.cid.toString(), steps: steps.flat() }
}

/** A name for the state a timeline is in: equal where nothing changed. */
export function timelineVersion(timeline: Timeline): string {
  return createHash('sha256').update(JSON.stringify(timeline)).digest('base64url').slice(0, 16)
}
