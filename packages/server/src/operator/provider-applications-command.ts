import { formatTable } from '@keepsake/terminal/table.ts'
import type { Command } from 'commander'
import { showApplication } from '../providers/application-routes.ts'
import { approveApplication, declineApplication, listApplications } from '../providers/applications.ts'
import { addressOf, parseActorId } from '../providers/providers.ts'
import type { Context } from './context.ts'
import { print, tell, withService } from './context.ts'
import { networkOf, type Options } from './providers-report.ts'

/** Who decides where it is this command. */
const by = 'the command'
const maxListed = 500

async function list(context: Context, { all = false, ...options }: Options & { all?: boolean }): Promise<void> {
  const found = await withService(context, async (service) => {
    const state = all ? undefined : 'waiting'
    return await listApplications(service.database, { network: await networkOf(service, options), state, limit: maxListed })
  })
  if (options.json) return print(JSON.stringify(found.map(showApplication), null, 2))
  if (found.length === 0) return tell(all ? 'Nobody has asked to be registered.' : 'Nobody waits to be registered.')
  const columns = [
    { title: 'Asked' },
    { title: 'Provider' },
    { title: 'Organisation', flexible: true },
    { title: 'Place' },
    { title: 'Gives out at', flexible: true },
    { title: 'State', flexible: true },
  ]
  const rows = found.map(
    ({ askedAt, actorId, organisation, city, country, continent, retrievalUrl, state, decidedBy, because }) => [
      askedAt.toISOString().slice(0, 16).replace('T', ' '),
      addressOf({ actorId }),
      organisation,
      `${city}, ${country}, ${continent}`,
      retrievalUrl ?? '',
      [state, decidedBy && `by ${decidedBy}`].filter(Boolean).join(' ') + (because ? `: ${because}` : ''),
    ],
  )
  for (const line of formatTable(columns, rows, process.stdout)) print(line)
}

async function approve(context: Context, actorId: number, options: Options): Promise<void> {
  await withService(context, async (service) => {
    const network = await networkOf(service, options)
    const provider = await approveApplication(service.database, { network, actorId, by })
    if (options.json) return print(JSON.stringify({ provider: addressOf(provider), ...provider }, null, 2))
    print(
      `${addressOf(provider)} of ${provider.organisation} (${provider.city}, ${provider.country}) may take pieces on ${network} now.`,
    )
  })
}

async function decline(context: Context, actorId: number, { because, ...options }: Options & { because: string }): Promise<void> {
  await withService(context, async (service) => {
    const network = await networkOf(service, options)
    await declineApplication(service.database, { network, actorId, by, because })
    const provider = addressOf({ actorId })
    if (options.json) return print(JSON.stringify({ provider, network, state: 'declined', because }, null, 2))
    print(`${provider} is not registered on ${network}. It may ask again after a week.`)
  })
}

/** Adds what an operator does about storage providers that ask to be registered. `command`: with the options all have. */
export function addApplications(
  context: Context,
  command: (name: string, description: string, example: string) => Command,
): void {
  command('applications', 'storage providers that ask to be registered', 'applications')
    .option('--all', 'also what was decided')
    .action((options: Options & { all?: boolean }) => list(context, options))
  command('approve', 'register one that asked for it, with what it said of itself', 'approve f01234')
    .argument('<provider>', 'as in f01234')
    .action((id: string, options: Options) => approve(context, parseActorId(id), options))
  command('decline', 'do not register one that asked for it', 'decline f01234 --because "we know nobody there"')
    .argument('<provider>', 'as in f01234')
    .option('--because <reason>', 'why: it is told', '')
    .action((id: string, options: Options & { because: string }) => decline(context, parseActorId(id), options))
}
