import type { Db } from '../database/database.ts'
import type { PinStatus } from '../database/schema.ts'
import { findPins } from './store/reads.ts'

/** Where a content stands with one backend. */
export interface PinReading {
  backend: string
  status: PinStatus
  since: Date
  error: string | null
  attempts: number
  handedOverAt: Date | null
  checkedAt: Date | null
  nextAttemptAt: Date | null
}

/** Where a content stands with everybody who is to keep it, the primary backend first. */
export async function readPins(db: Db, contentId: number): Promise<PinReading[]> {
  const { completeAt, createdAt, pins } = await findPins(db, contentId)
  return pins.map(({ backend, status, since, ...pin }) => {
    const initial = backend === 'embedded' ? (completeAt ? 'pinned' : 'pinning') : 'queued'
    return { backend, status: status ?? initial, since: since ?? completeAt ?? createdAt, ...pin, attempts: pin.attempts ?? 0 }
  })
}
