import type { Command } from 'commander'
import type { AnnouncementQueue } from '../announcements/announcements.ts'
import { announcementQueue, retryFailed } from '../announcements/announcements.ts'
import type { Config } from '../config.ts'
import type { Context } from './context.ts'
import { print, tell, withService } from './context.ts'
import { dataHelp } from './program-help.ts'

function duration(ms: number): string {
  const minutes = Math.round(ms / 60_000)
  if (minutes < 1) return `${Math.round(ms / 1000)} s`
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`
}

/** What the numbers mean for whoever runs the server; empty where all is well. */
function advice(queue: AnnouncementQueue, { ANNOUNCE, PEER, ANNOUNCE_PER_MINUTE: perMinute }: Config): string[] {
  if (ANNOUNCE === 'off') return ['Nothing is announced: ANNOUNCE=off.']
  if (PEER === 'off') return ['Nothing is announced by this machine: PEER=off.']
  const waiting = queue.dueNew + queue.dueAgain
  if (waiting === 0) return []
  if (queue.inLastHour === 0) return ['Nothing was told in the last hour: is the peer running, and does it know anybody?']
  const perDay = perMinute * 60 * 22
  if (queue.announced + waiting > perDay)
    return [`ANNOUNCE_PER_MINUTE=${perMinute} is enough for ${perDay} CIDs; there are ${queue.announced + queue.dueNew}.`]
  return [`At ${perMinute} a minute the queue is empty in about ${duration((waiting / perMinute) * 60_000)}.`]
}

function summary(queue: AnnouncementQueue, config: Config): string {
  const rows: [string, string][] = [
    ['Waiting, never told', String(queue.dueNew)],
    ['Waiting, to be told again', String(queue.dueAgain)],
    ['The first waits since', queue.oldestMs > 0 ? duration(queue.oldestMs) : '–'],
    ['Told in the last hour', String(queue.inLastHour)],
    ['Known to the network', String(queue.announced)],
    ['Failed, tried again later', String(queue.failing)],
  ]
  return [...rows.map(([label, value]) => `${label.padEnd(27)}${value}`), ...advice(queue, config)].join('\n')
}

async function show(context: Context, { json }: { json?: boolean }): Promise<void> {
  await withService(context, async (service) => {
    const queue = await announcementQueue(service)
    print(json ? JSON.stringify(queue, null, 2) : summary(queue, service.config))
  })
}

async function retry(context: Context): Promise<void> {
  await withService(context, async (service) => {
    const count = await retryFailed(service.database)
    await service.facts.sweepAt(service.database, 'announce-roots', new Date())
    tell(count === 0 ? 'Nothing had failed.' : `${count} are tried again now.`)
  })
}

export function addAnnouncements(program: Command, context: Context): void {
  const announcements = program.command('announcements').description('what the IPFS network is told of: the queue, and retrying')
  announcements
    .command('show', { isDefault: true })
    .description('how many CIDs wait to be announced, since when, and how fast it goes')
    .option('--json', 'print JSON')
    .addHelpText('after', `${dataHelp}\n\nExample:\n  $ keepsake announcements`)
    .action((options: { json?: boolean }) => show(context, options))
  announcements
    .command('retry')
    .description('try at once again what failed and waits for its time')
    .addHelpText('after', dataHelp)
    .action(() => retry(context))
}
