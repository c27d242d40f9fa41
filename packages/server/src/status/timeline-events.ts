import { setTimeout as sleep } from 'node:timers/promises'
import type { UploadsChanged } from '@keepsake/api/timeline.ts'
import { toKeepsakeError } from '../errors.ts'
import type { StreamEvent } from '../http/event-stream.ts'
import { heartbeat } from '../http/event-stream.ts'
import { getTimelineSubject } from '../uploads/timeline.ts'
import type { Bell } from './bell.ts'
import { createBell } from './bell.ts'
import type { ContentChanges } from './content-changes.ts'
import type { OwnChanges } from './own-changes.ts'
import type { TimelineComponents } from './timeline.ts'
import { readTimeline, timelineVersion } from './timeline.ts'

/** Silence longer than this, and proxies take the connection for dead. Each time it is also looked whether anything was missed. */
const beatMs = 20_000
/** Between two looks at the same state, however often it changes. */
const restMs = 250
/** Between two tries while the database is away. */
const awayMs = 1_000

export type Events = AsyncGenerator<StreamEvent | typeof heartbeat>

export interface Stream {
  userId: number
  /** Throws where whoever opened the stream may no longer read. */
  requireStillAllowed: () => Promise<void>
  /** Id of the last event that a client which came back has seen. */
  lastEventId: string | undefined
  signal: AbortSignal
}

/**
 * Looks whenever the bell rings, and by the clock, until the client goes. What cannot be told any more ends the stream with an event that says
 * why; while the database is away the stream waits for it.
 */
async function* whenRung(
  bell: Bell,
  { requireStillAllowed, signal }: Stream,
  look: () => Promise<StreamEvent | typeof heartbeat>,
): Events {
  while (!signal.aborted) {
    try {
      await requireStillAllowed()
      yield await look()
    } catch (error) {
      const { code, nativeCode, message } = toKeepsakeError(error)
      if (code === 'ERROR_INTERNAL') throw error
      if (code !== 'ERROR_UNAVAILABLE') {
        yield { event: 'end', data: { code: nativeCode, message } }
        return
      }
      yield heartbeat
      await sleep(awayMs, undefined, { signal }).catch(() => {})
      continue
    }
    await sleep(restMs, undefined, { signal }).catch(() => {})
    await bell.wait(beatMs, signal)
  }
}

/**
 * The timeline of an upload, each time it is another than the client knows. The state is compared, not a log of what happened: so a client
 * that was away for whatever time and reason sees what is true now, once.
 */
export async function* timelineEvents(
  components: TimelineComponents & { changes: ContentChanges },
  wanted: Parameters<typeof readTimeline>[1],
  stream: Stream,
): Events {
  const { contentId } = await getTimelineSubject(components, wanted)
  const bell = createBell()
  using _watch = components.changes.watch(contentId, () => bell.ring())
  let known = stream.lastEventId
  yield* whenRung(bell, stream, async () => {
    const timeline = await readTimeline(components, wanted)
    const id = timelineVersion(timeline)
    if (id === known) return heartbeat
    known = id
    return { event: 'timeline', id, data: timeline }
  })
}

/** What became of a user's uploads. A client that comes back is told to look at everything again. */
export async function* uploadEvents({ ownChanges }: { ownChanges: OwnChanges }, stream: Stream): Events {
  const bell = createBell()
  let isAll = stream.lastEventId !== undefined
  const cids = new Set<string>()
  using _watch = ownChanges.watch(stream.userId, (changed) => {
    isAll ||= changed.isAll
    for (const cid of changed.cids) cids.add(cid)
    bell.ring()
  })
  yield* whenRung(bell, stream, async () => {
    if (!isAll && cids.size === 0) return heartbeat
    const data: UploadsChanged = { cids: isAll ? [] : [...cids], isAll }
    isAll = false
    cids.clear()
    return { event: 'uploads', id: Date.now().toString(36), data }
  })
}
