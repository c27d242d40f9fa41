import { formatTable } from '@keepsake/terminal/table.ts'
import type { Command } from 'commander'
import { listRequests } from '../providers/audit.ts'
import {
  addressOf,
  type Continent,
  continents,
  type Provider,
  type ProviderDetails,
  parseActorId,
} from '../providers/providers.ts'
import { changeProvider, registerProvider, resumeProvider, suspendProvider } from '../providers/registered.ts'
import type { Context } from './context.ts'
import { print, tell, withService } from './context.ts'
import { UsageError } from './failure.ts'
import { dataHelp } from './program-help.ts'
import { addApplications } from './provider-applications-command.ts'
import { list, networkOf, type Options, show } from './providers-report.ts'

interface DetailOptions extends Options {
  name?: string
  organisation?: string
  city?: string
  country?: string
  continent?: string
  retrievalUrl?: string
}

function detailsOf({ name, organisation, city, country, continent, retrievalUrl }: DetailOptions): Partial<ProviderDetails> {
  const given = { name, organisation, city, country, continent: continent as Continent | undefined, retrievalUrl }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}

function told(what: string, provider: Provider, { json }: Options): void {
  if (json) print(JSON.stringify({ provider: addressOf(provider), ...provider }, null, 2))
  else print(`${addressOf(provider)} of ${provider.organisation} (${provider.city}, ${provider.country}) ${what}.`)
}

async function add(context: Context, actorId: number, options: DetailOptions): Promise<void> {
  const details = { name: '', retrievalUrl: null, ...detailsOf(options) } as ProviderDetails
  await withService(context, async (service) => {
    const network = await networkOf(service, options)
    told(`may take pieces on ${network} now`, await registerProvider(service.database, network, actorId, details), options)
  })
}

async function set(context: Context, actorId: number, options: DetailOptions): Promise<void> {
  const change = detailsOf(options)
  if (Object.keys(change).length === 0) throw new UsageError('Say what to change, as in --city Leipzig.')
  await withService(context, async (service) => {
    const network = await networkOf(service, options)
    told('is changed', await changeProvider(service.database, network, actorId, change), options)
  })
}

async function suspend(context: Context, actorId: number, { because, ...options }: Options & { because: string }): Promise<void> {
  await withService(context, async (service) => {
    const network = await networkOf(service, options)
    told('gets no new pieces; its deals go on', await suspendProvider(service.database, network, actorId, because), options)
  })
}

async function resume(context: Context, actorId: number, options: Options): Promise<void> {
  await withService(context, async (service) => {
    const network = await networkOf(service, options)
    told('may take pieces again', await resumeProvider(service.database, network, actorId), options)
  })
}

interface RequestsOptions extends Options {
  provider?: string
  limit: string
  all?: boolean
}

async function requests(context: Context, { provider, limit, all = false, json }: RequestsOptions): Promise<void> {
  if (!/^[1-9]\d{0,4}$/.test(limit))
    throw new UsageError(`Expected --limit to be a whole number from 1 to 99999, got ${JSON.stringify(limit)}.`)
  const actorId = provider === undefined ? undefined : parseActorId(provider)
  const found = await withService(context, (service) => listRequests(service.database, { actorId, all, limit: Number(limit) }))
  if (json) return print(JSON.stringify(found, null, 2))
  if (found.length === 0) return tell('There are no such requests.')
  const columns = [
    { title: 'At' },
    { title: 'Provider' },
    { title: 'Asked' },
    { title: 'Answer' },
    { title: 'Why', flexible: true },
  ]
  const rows = found.map(({ at, actorId: who, place, call, pieceCid, status, errorCode, reason, dealId }) => [
    at.toISOString().slice(0, 19).replace('T', ' '),
    who === null ? `unknown, ${place}` : addressOf({ actorId: who }),
    pieceCid ? `${call} ${pieceCid}` : call,
    errorCode === null ? String(status) : `${status} ${errorCode}`,
    reason ?? (dealId === null ? '' : `deal ${dealId}`),
  ])
  for (const line of formatTable(columns, rows, process.stdout)) print(line)
}

const networkOption = ['--network <name>', 'another Filecoin network than the one this server is on'] as const

export function addProviders(program: Command, context: Context): void {
  const providers = program.command('providers').description('storage providers that may take pieces, and what they asked for')
  const command = (name: string, description: string, example: string, { isDefault = false } = {}) =>
    providers
      .command(name, { isDefault })
      .description(description)
      .option(...networkOption)
      .option('--json', 'print JSON')
      .addHelpText('after', `${dataHelp}\n\nExample:\n  $ keepsake providers ${example}`)
  const describing = (given: Command, isNew: boolean) => {
    const option = (flags: string, description: string) =>
      isNew ? given.requiredOption(flags, description) : given.option(flags, description)
    option('--organisation <name>', 'whose it is')
    option('--city <city>', 'where it is')
    option('--country <code>', 'two letters, as in DE')
    option('--continent <code>', continents.join(', '))
    return given.option('--name <name>', 'what to call it').option('--retrieval-url <url>', 'where it gives out what it holds')
  }
  command('list', 'registered storage providers, and what they hold', 'list', { isDefault: true }).action((options: Options) =>
    list(context, options),
  )
  command('show', 'one of them: what it holds, and how it gives that back', 'show f01234')
    .argument('<provider>', 'as in f01234')
    .action((id: string, options: Options) => show(context, parseActorId(id), options))
  addApplications(context, command)
  describing(
    command(
      'add',
      'let a storage provider take pieces',
      'add f01234 --organisation "Example Ltd" --city Leipzig --country DE --continent EU',
    ),
    true,
  )
    .argument('<provider>', 'as in f01234')
    .action((id: string, options: DetailOptions) => add(context, parseActorId(id), options))
  describing(command('set', 'change what is known of one', 'set f01234 --city Dresden'), false)
    .argument('<provider>', 'as in f01234')
    .action((id: string, options: DetailOptions) => set(context, parseActorId(id), options))
  command('suspend', 'give one nothing new; its deals go on', 'suspend f01234 --because "lost three sectors"')
    .argument('<provider>', 'as in f01234')
    .option('--because <reason>', 'why: it is told', '')
    .action((id: string, options: Options & { because: string }) => suspend(context, parseActorId(id), options))
  command('resume', 'let a suspended one take pieces again', 'resume f01234')
    .argument('<provider>', 'as in f01234')
    .action((id: string, options: Options) => resume(context, parseActorId(id), options))
  command(
    'requests',
    'what was asked of the portal: pieces given out and refusals, the newest first',
    'requests --provider f01234',
  )
    .option('--provider <provider>', 'only of this one')
    .option('--limit <n>', 'at most so many', '50')
    .option('--all', 'also what changed nothing and went well')
    .action((options: RequestsOptions) => requests(context, options))
}
