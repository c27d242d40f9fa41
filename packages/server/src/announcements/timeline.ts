import type { TimelineStep } from '@keepsake/api/timeline.ts'
import type { Config } from '../config.ts'
import type { Db } from '../database/database.ts'
import type { TimelineSource } from '../uploads/timeline.ts'
import type { Announcement } from './announcements.ts'
import { toAnnouncement } from './announcements.ts'
import { findContentAnnouncement } from './store.ts'

interface Components {
  database: Db
  config: Config
}

/** Whether the IPFS network knows where the content can be had. Nothing where this server does not announce. */
export function announcementTimeline({ database, config }: Components): TimelineSource {
  return async ({ contentId, cid, completeAt, origin }) => {
    if (config.ANNOUNCE === 'off' || config.PEER === 'off' || completeAt === null) return []
    const row = await findContentAnnouncement(database, contentId)
    return row ? [stepOf(toAnnouncement(row), { cid: String(cid), completeAt, origin })] : []
  }
}

interface Shown {
  cid: string
  completeAt: Date
  origin: string
}

function stepOf(announcement: Announcement, { cid, completeAt, origin }: Shown): TimelineStep {
  const { state, announcedAt, dueAt, peers, failures, reason } = announcement
  const step = {
    step: 'announced',
    evidence: [],
    checks: [
      {
        tells: 'Asks the network and this server who provides it, and tries whether they answer.',
        command: `npx keepsake findprovs ${cid} --endpoint ${origin}`,
      },
    ],
  }
  if (state === 'announced' && announcedAt) {
    const text = `${peers} ${peers === 1 ? 'peer' : 'peers'} of the IPFS network took the record that this server has it. They are told again before they forget.`
    return { ...step, state: 'done', title: 'Announced', text, at: announcedAt.toISOString() }
  }
  const since = (announcedAt ?? completeAt).toISOString()
  if (failures > 0 && reason !== undefined) {
    const text = `The IPFS network could not be told yet; it is tried again. The last time: ${reason}`
    const nextAt = dueAt && { nextAt: dueAt.toISOString() }
    return { ...step, state: 'waiting', title: 'Waiting to be announced', text, since, ...nextAt }
  }
  const text =
    state === 'overdue'
      ? 'The IPFS network may have forgotten that this server has it; it is in the queue to be told again.'
      : 'It is in the queue to be told to the IPFS network. Whoever asks this server for providers finds it already.'
  return { ...step, state: 'waiting', title: 'Waiting to be announced', text, since }
}
