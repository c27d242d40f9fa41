import type { RetrievalHistory as HistoryShown, RetrievalRecord as RecordShown } from '@keepsake/api/retrievals.ts'
import type { RetrievalHistory, RetrievalRecord } from './retrieval-records.ts'

/** What the last checks came to, as it is told over HTTP. */
export function showRecord({ lastAt, lastFailureAt, ...record }: RetrievalRecord): RecordShown {
  return { ...record, lastAt: lastAt?.toISOString() ?? null, lastFailureAt: lastFailureAt?.toISOString() ?? null }
}

/** The checks of one provider over time, as they are told over HTTP. */
export function showHistory({ stepSeconds, stepCount, endsAt, steps }: RetrievalHistory, providerId: number): HistoryShown {
  const own = steps.get(providerId) ?? []
  return {
    stepSeconds,
    stepCount,
    endsAt: endsAt.toISOString(),
    steps: own.map(({ at, ...step }) => ({ ...step, at: at.toISOString() })),
  }
}
