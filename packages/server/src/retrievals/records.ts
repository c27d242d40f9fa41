import type { Db } from '../database/database.ts'
import type { RetrievalRecords } from '../providers/retrieval-records.ts'
import { standingOf } from './retrievals.ts'
import { countBySteps, findOldest, summarise } from './store.ts'

const minute = 60
const hour = 60 * minute

/** How the past is divided so that it can be drawn small: finely while there is little of it. */
const scales = [
  { stepSeconds: 5 * minute, stepCount: 48 },
  { stepSeconds: hour, stepCount: 48 },
  { stepSeconds: 6 * hour, stepCount: 56 },
] as const

function scaleFor(oldest: Date | null, now: number): (typeof scales)[number] {
  const ageSeconds = oldest ? (now - oldest.getTime()) / 1000 : 0
  return scales.find(({ stepSeconds, stepCount }) => ageSeconds <= stepSeconds * (stepCount - 1)) ?? scales.at(-1)!
}

/** Reads how storage providers give back what they store. Nothing of it is kept beside the checks themselves. */
export function retrievalRecords({ database }: { database: Db }): RetrievalRecords {
  return {
    async read(network, providerId) {
      const summaries = await summarise(database, network, providerId)
      return new Map(summaries.map(({ providerId: id, ...summary }) => [id, { ...summary, standing: standingOf(summary) }]))
    },
    async history(network, providerId) {
      const now = Date.now()
      const { stepSeconds, stepCount } = scaleFor(await findOldest(database, network, providerId), now)
      const stepMs = stepSeconds * 1000
      const endsAt = new Date((Math.floor(now / stepMs) + 1) * stepMs)
      const since = new Date(endsAt.getTime() - stepCount * stepMs)
      const counted = await countBySteps(database, { network, providerId, since, stepSeconds })
      const steps = new Map(
        [...Map.groupBy(counted, ({ providerId: id }) => id)].map(([id, those]) => [
          id,
          those.map(({ providerId: _, ...step }) => step),
        ]),
      )
      return { stepSeconds, stepCount, endsAt, steps }
    },
  }
}
