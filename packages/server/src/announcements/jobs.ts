import type { BlockSource } from '@keepsake/content/block.ts'
import type { Config } from '../config.ts'
import type { Db } from '../database/database.ts'
import type { Facts } from '../jobs/facts.ts'
import type { NetworkJobHandlers } from '../jobs/worker.ts'
import type { Announcer } from '../network/network.ts'
import { announceDue } from './announce.ts'

interface Components {
  config: Config
  database: Db
  blocks: BlockSource
  facts: Facts
  announcer: Announcer
}

/** For the peer's process, which is on the network. */
export function announcementJobs({
  config: { ANNOUNCE, ANNOUNCE_PER_MINUTE: perMinute },
  facts,
  ...components
}: Components): Pick<NetworkJobHandlers, 'announce-roots'> {
  return {
    'announce-roots': async (_payload, signal) => {
      if (ANNOUNCE === 'off') return
      const next = await announceDue({ ...components, perMinute, withEntries: ANNOUNCE === 'entries' }, signal)
      if (next) await facts.sweepAt(components.database, 'announce-roots', next)
    },
  }
}
