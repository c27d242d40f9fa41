import type { Config } from '../config.ts'
import type { Db } from '../database/database.ts'
import { announcementQueue } from './announcements.ts'

/** A queue whose first waits this long is not caught up with: what is told again so late may be forgotten before. */
const lateMs = 24 * 3_600_000

/**
 * Whether announcing keeps up. Gives a note on the queue.
 *
 * @throws Error that says what is wrong
 */
export async function checkAnnouncements({ database, config }: { database: Db; config: Config }): Promise<string> {
  if (config.ANNOUNCE === 'off') return 'nothing is announced: ANNOUNCE=off'
  const { dueNew, dueAgain, oldestMs, inLastHour, announced } = await announcementQueue({ database })
  const text = `${dueNew + dueAgain} CIDs wait, ${inLastHour} were told in the last hour, ${announced} are known`
  if (oldestMs > lateMs)
    throw new Error(
      `${text}; the first has waited for ${Math.round(oldestMs / 3_600_000)} h: see ANNOUNCE_PER_MINUTE, and whether the peer is running`,
    )
  return text
}
