import type { Chain } from '../chain/chain.ts'
import { devnetLabel } from '../chain/source.ts'
import type { Db } from '../database/database.ts'
import { findFollowStatus } from '../deals/track/status.ts'

/** Behind by more than this, what is shown of deals is no longer how they stand. */
const lateMs = 15 * 60_000

/**
 * Whether the Filecoin chain is followed. Gives a note on how far.
 *
 * @throws Error that says what is wrong
 */
export async function checkFilecoin({ database, chain }: { database: Db; chain: Chain }): Promise<string> {
  const source = await chain.source()
  const status = await findFollowStatus(database, source.network)
  const where = source.isDevnet ? `${source.network} (${devnetLabel})` : source.network
  if (status?.trouble) throw new Error(`${where}: ${status.trouble}; the chain was read up to epoch ${status.epoch ?? 'none'}`)
  if (!status || status.epoch === null) throw new Error(`${where}: no process has read the chain yet (ROLE=worker or ROLE=all)`)
  const lagEpochs = Math.max(0, (await chain.epochNow()) - status.epoch)
  const text = `${where}: read up to epoch ${status.epoch}, ${lagEpochs} behind the clock; the head of the node is ${status.headEpoch}`
  if (lagEpochs * source.epochSeconds * 1000 > lateMs) throw new Error(text)
  return text
}
