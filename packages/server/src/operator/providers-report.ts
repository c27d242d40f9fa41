import { formatBytes } from '@keepsake/terminal/sizes.ts'
import { formatTable } from '@keepsake/terminal/table.ts'
import { countByState, countOverdue, type StateCount } from '../providers/holdings.ts'
import { addressOf, type Provider } from '../providers/providers.ts'
import { getProvider, listProviders } from '../providers/registered.ts'
import { noRecord, type RetrievalHistory, type RetrievalRecord } from '../providers/retrieval-records.ts'
import { showHistory, showRecord } from '../providers/show-retrievals.ts'
import type { Service } from '../service.ts'
import type { Context } from './context.ts'
import { print, tell, withService } from './context.ts'
import { UsageError } from './failure.ts'

export interface Options {
  network?: string
  json?: boolean
}

/** The network that is meant: the one this server is on, unless another is named. */
export async function networkOf(service: Service, { network }: Options): Promise<string> {
  if (network !== undefined) return network
  if (!service.chain)
    throw new UsageError('This server makes no Filecoin deals (FILECOIN_RPC=off). Name the network: --network mainnet.')
  return (await service.chain.source()).network
}

const underWay = ['reserved', 'proposed', 'delivered', 'published']
const lost = ['terminated', 'failed']

function heldText(counts: readonly StateCount[]): string[] {
  const active = counts.find(({ state }) => state === 'active')
  const sumOf = (states: readonly string[]) =>
    counts.reduce((sum, { state, deals }) => sum + (states.includes(state) ? deals : 0), 0)
  return [active ? `${active.deals} (${formatBytes(active.bytes)})` : '0', String(sumOf(underWay)), String(sumOf(lost))]
}

function shareText({ standing, checks, verified }: RetrievalRecord): string {
  return checks === 0 ? standing : `${standing}, ${Math.floor((100 * verified) / checks)} %`
}

function stateText({ state, suspendedBecause }: Provider): string {
  return state === 'suspended' && suspendedBecause ? `suspended: ${suspendedBecause}` : state
}

/** Every registered provider, a line each. */
export async function list(context: Context, options: Options): Promise<void> {
  await withService(context, async (service) => {
    const network = await networkOf(service, options)
    const [providers, counts, records] = await Promise.all([
      listProviders(service.database, network),
      countByState(service.database, network),
      service.retrievalRecords.read(network),
    ])
    const heldBy = Map.groupBy(counts, ({ providerId }) => providerId)
    if (options.json) {
      const rows = providers.map((provider) => ({
        provider: addressOf(provider),
        ...provider,
        deals: dealsOf(heldBy.get(provider.id)),
        retrievals: showRecord(records.get(provider.id) ?? noRecord),
      }))
      return print(JSON.stringify(rows, null, 2))
    }
    if (providers.length === 0)
      return tell(`No storage provider is registered on ${network}. keepsake providers add --help says how.`)
    const right = (title: string) => ({ title, align: 'right' as const })
    const columns = [
      { title: 'Provider' },
      { title: 'Organisation', flexible: true },
      { title: 'Place' },
      right('Active'),
      right('Under way'),
      right('Lost'),
      { title: 'Gives back' },
      { title: 'State', flexible: true },
    ]
    const rows = providers.map((provider) => {
      const { organisation, city, country, continent } = provider
      const place = `${city}, ${country}, ${continent}`
      const held = heldText(heldBy.get(provider.id) ?? [])
      const gives = shareText(records.get(provider.id) ?? noRecord)
      return [addressOf(provider), organisation, place, ...held, gives, stateText(provider)]
    })
    for (const line of formatTable(columns, rows, process.stdout)) print(line)
  })
}

function dealsOf(counts: readonly StateCount[] = []): Omit<StateCount, 'providerId'>[] {
  return counts.map(({ state, deals, bytes }) => ({ state, deals, bytes }))
}

/** One provider, with all that is known of it here. */
export async function show(context: Context, actorId: number, options: Options): Promise<void> {
  await withService(context, async (service) => {
    const { database, retrievalRecords } = service
    const network = await networkOf(service, options)
    const provider = await getProvider(database, network, actorId)
    const [counts, overdue, records, history] = await Promise.all([
      countByState(database, network, provider.id),
      countOverdue(database, network),
      retrievalRecords.read(network, provider.id),
      retrievalRecords.history(network, provider.id),
    ])
    const record = records.get(provider.id) ?? noRecord
    const late = overdue.get(provider.id) ?? 0
    if (options.json) {
      const retrievals = { ...showRecord(record), history: showHistory(history, provider.id) }
      const shown = { provider: addressOf(provider), ...provider, deals: dealsOf(counts), overdue: late, retrievals }
      return print(JSON.stringify(shown, null, 2))
    }
    const { name, organisation, city, country, continent, retrievalUrl } = provider
    const lines: [string, string][] = [
      ['Provider', [addressOf(provider), name].filter(Boolean).join(', ')],
      ['Organisation', `${organisation}, ${city}, ${country}, ${continent}`],
      ['Network', network],
      ['State', stateText(provider)],
      ['Asked at', retrievalUrl ?? 'the address it has on the chain'],
      ...counts.map(({ state, deals, bytes }): [string, string] => [`Deals, ${state}`, `${deals} (${formatBytes(bytes)})`]),
      ['Deals, overdue', String(late)],
      ...recordLines(record),
      ...historyLine(history, provider.id),
    ]
    const width = Math.max(...lines.map(([title]) => title.length))
    for (const [title, text] of lines) print(`${title.padEnd(width)}  ${text}`)
  })
}

function minuteOf(at: Date | null): string {
  return at?.toISOString().slice(0, 16).replace('T', ' ') ?? 'never'
}

function recordLines(record: RetrievalRecord): [string, string][] {
  const { standing, checks, verified, firstByteMs, bytesPerSecond, lastAt, lastFailure, lastFailureAt } = record
  if (checks === 0) return [['Gives back', `${standing}: it was asked for nothing in the last days`]]
  const speed = bytesPerSecond === null ? '' : `, ${formatBytes(bytesPerSecond)}/s`
  const first = firstByteMs === null ? '' : `, first byte after ${Math.round(firstByteMs)} ms`
  return [
    ['Gives back', `${standing}: ${verified} of the last ${checks} checks went well${first}${speed}; last ${minuteOf(lastAt)}`],
    ...(lastFailure === null ? [] : [['Last failure', `${minuteOf(lastFailureAt)}: ${lastFailure}`] satisfies [string, string]]),
  ]
}

const bars = '▁▂▃▄▅▆▇█'

/** The share that went well over time: a low bar is a bad time, a dot is one without a check. */
function historyLine({ stepSeconds, stepCount, endsAt, steps }: RetrievalHistory, providerId: number): [string, string][] {
  const own = new Map(steps.get(providerId)?.map((step) => [step.at.getTime(), step]))
  if (own.size === 0) return []
  const begin = endsAt.getTime() - stepCount * stepSeconds * 1000
  const shown = Array.from({ length: stepCount }, (_, at) => {
    const step = own.get(begin + at * stepSeconds * 1000)
    return step ? bars[Math.round((step.verified / step.checks) * (bars.length - 1))] : '·'
  })
  return [['Over time', `${shown.join('')}  since ${minuteOf(new Date(begin))}, each ${stepSeconds / 60} min`]]
}
