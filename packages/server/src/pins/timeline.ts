import type { TimelineStep } from '@keepsake/api/timeline.ts'
import type { Db } from '../database/database.ts'
import type { TimelineSource } from '../uploads/timeline.ts'
import type { PinReading } from './read-pins.ts'
import { readPins } from './read-pins.ts'

interface Components {
  database: Db
}

const backends: Record<string, string> = {
  embedded: 'this server',
  cluster: 'the IPFS Cluster',
  pinata: 'Pinata',
  psa: 'the pinning service',
  kubo: 'the Kubo node',
}

/** Who keeps a content, one step for each. */
export function pinTimeline({ database }: Components): TimelineSource {
  return async ({ contentId, cid, completeAt, receivedAt, origin }) => {
    const pins = await readPins(database, contentId)
    return pins.map((pin) => stepOf(pin, { cid: cid.toString(), completeAt, receivedAt, origin }))
  }
}

interface Subject {
  cid: string
  completeAt: Date | null
  receivedAt: Date
  origin: string
}

function stepOf(pin: PinReading, subject: Subject): TimelineStep {
  const by = backends[pin.backend] ?? pin.backend
  const step = { step: `pinned:${pin.backend}`, evidence: [], checks: [] }
  if (pin.backend === 'embedded' && pin.status !== 'failed') return hereStep(subject)
  switch (pin.status) {
    case 'pinned':
      return {
        ...step,
        state: 'done',
        title: `Pinned by ${by}`,
        text: 'It says that it keeps all of it. Samples of what it says are checked every hour.',
        at: pin.since.toISOString(),
        evidence: pin.checkedAt ? [{ label: 'Asked last', value: pin.checkedAt.toISOString(), kind: 'instant' }] : [],
        checks: [{ tells: 'What is known of every backend.', command: `curl ${subject.origin}/api/check/${subject.cid}` }],
      }
    case 'failed':
      return {
        ...step,
        state: 'failed',
        title: `Not pinned by ${by}`,
        text: `${capital(pin.error ?? 'It failed')}. ${pin.nextAttemptAt ? 'It is tried again.' : 'It is not tried again by itself; the operator can have it tried.'}`,
        at: pin.since.toISOString(),
        ...(pin.nextAttemptAt && { nextAt: pin.nextAttemptAt.toISOString() }),
      }
    case 'pinning':
      return {
        ...step,
        state: 'waiting',
        title: `Being pinned by ${by}`,
        text: 'It was handed over, and is asked until it says that it keeps all of it.',
        since: pin.since.toISOString(),
      }
    case 'queued':
      return {
        ...step,
        state: 'waiting',
        title: `To be pinned by ${by}`,
        text: subject.completeAt ? 'It waits for its turn.' : 'It is handed over when it is complete.',
        since: pin.since.toISOString(),
      }
  }
}

function hereStep({ cid, completeAt, receivedAt, origin }: Subject): TimelineStep {
  const step = { step: 'pinned:embedded', evidence: [], checks: [] }
  if (!completeAt) {
    return {
      ...step,
      state: 'waiting',
      title: 'To be pinned by this server',
      text: 'When it is complete, this server pins it by itself.',
      since: receivedAt.toISOString(),
    }
  }
  return {
    ...step,
    state: 'done',
    title: 'Pinned by this server',
    text: 'It is kept here, and served by its CID, until you delete it.',
    at: completeAt.toISOString(),
    checks: [{ tells: 'The same status for anybody, without an account.', command: `curl ${origin}/api/check/${cid}` }],
  }
}

function capital(text: string): string {
  const line = text.replace(/\.$/, '')
  return `${line.charAt(0).toUpperCase()}${line.slice(1)}`
}
