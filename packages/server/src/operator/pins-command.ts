import { formatTable } from '@keepsake/terminal/table.ts'
import type { Command } from 'commander'
import { Option } from 'commander'
import type { PinStatus } from '../database/schema.ts'
import { auditPins } from '../pins/audit-pins.ts'
import { backendNames } from '../pins/backend.ts'
import type { BackendStanding, ListedPin, PinListFilter } from '../pins/operate.ts'
import { listBackendStandings, listPins, retryGivenUp, showPins } from '../pins/operate.ts'
import type { PinReading } from '../pins/read-pins.ts'
import type { Context } from './context.ts'
import { print, tell, withService } from './context.ts'
import { OperatorError, UsageError } from './failure.ts'
import { dataHelp } from './program-help.ts'

function shortTime(date: Date | null): string {
  return date ? date.toISOString().slice(0, 16).replace('T', ' ') : '-'
}

function printTable(columns: Parameters<typeof formatTable>[0], rows: string[][]): void {
  for (const line of formatTable(columns, rows, process.stdout)) print(line)
}

function stateOf({ awaySince, lastError, isFilling }: BackendStanding): string {
  if (awaySince) return `away since ${shortTime(awaySince)}: ${lastError ?? ''}`
  return isFilling ? 'is given what was there before' : 'well'
}

async function summary(context: Context, { json }: { json?: boolean }): Promise<void> {
  const backends = await withService(context, listBackendStandings)
  if (json) return print(JSON.stringify(backends, null, 2))
  if (backends.length === 0) return tell('No server has run with this data yet.')
  const right = (title: string) => ({ title, align: 'right' as const })
  const columns = [
    { title: 'Backend' },
    right('Pinned'),
    right('Pinning'),
    right('Queued'),
    right('Failed'),
    right('To unpin'),
    { title: 'State', flexible: true },
  ]
  const rows = backends.map((backend) => {
    const { pinned, pinning, queued, failed } = backend.counts
    return [backend.name, ...[pinned, pinning, queued, failed, backend.unpinsWaiting].map(String), stateOf(backend)]
  })
  printTable(columns, rows)
  if (backends.some(({ counts }) => counts.failed > 0)) tell('What failed and why: keepsake pins list --status failed')
}

function rowOf({ backend, status, since, attempts, nextAttemptAt, error }: PinReading): string[] {
  const next = status === 'failed' ? (nextAttemptAt ? shortTime(nextAttemptAt) : 'given up') : '-'
  return [backend, status, shortTime(since), String(attempts), next, error ?? '']
}

const columnsOfPin = [
  { title: 'Backend' },
  { title: 'Status' },
  { title: 'Since' },
  { title: 'Attempts', align: 'right' as const },
  { title: 'Next attempt' },
  { title: 'Reason', flexible: true },
]

interface ListOptions extends PinListFilter {
  limit: number
  json?: boolean
}

async function list(context: Context, { limit, json, ...filter }: ListOptions): Promise<void> {
  const pins: ListedPin[] = []
  let hasMore = false
  await withService(context, async (service) => {
    for await (const pin of listPins(service, filter)) {
      hasMore = pins.length === limit
      if (hasMore) break
      pins.push(pin)
    }
  })
  if (json) return print(JSON.stringify(pins, null, 2))
  if (pins.length === 0) return tell('There are no such pins.')
  printTable(
    [{ title: 'CID' }, ...columnsOfPin],
    pins.map((pin) => [pin.cid, ...rowOf(pin)]),
  )
  if (hasMore) tell(`There are more than ${limit}; --limit shows more of them.`)
}

async function show(context: Context, cid: string, { json }: { json?: boolean }): Promise<void> {
  const pins = await withService(context, (service) => showPins(service, cid))
  if (json) return print(JSON.stringify(pins, null, 2))
  printTable(columnsOfPin, pins.map(rowOf))
}

async function retry(context: Context, cids: string[], { backend, all }: { backend?: string; all?: boolean }): Promise<void> {
  if (cids.length === 0 && !all) throw new UsageError('Name the CIDs to try again, or give --all.')
  const count = await withService(context, (service) => retryGivenUp(service, { backend, ...(cids.length > 0 && { cids }) }))
  tell(
    count === 0
      ? 'No such pin has failed.'
      : `${count === 1 ? 'One pin is' : `${count} pins are`} tried again now, by the server.`,
  )
}

async function audit(context: Context, { json }: { json?: boolean }): Promise<void> {
  const results = await withService(context, (service) => auditPins(service, context.signal))
  if (json) print(JSON.stringify(results, null, 2))
  else for (const { backend, checked, lost } of results) print(`${backend}: ${checked} checked, ${lost} not there`)
  if (results.some(({ lost }) => lost > 0))
    throw new OperatorError('Not everything is where it is said to be; it is pinned again.')
}

const statuses: readonly PinStatus[] = ['queued', 'pinning', 'pinned', 'failed']
const backendOption = () => new Option('--backend <name>', 'only at this backend').choices(backendNames)

export function addPins(program: Command, context: Context): void {
  const pins = program.command('pins').description('who keeps what, and trying again what failed')
  pins
    .command('summary', { isDefault: true })
    .description('each backend, how many contents it has, and whether it can be used')
    .option('--json', 'print JSON')
    .addHelpText('after', `${dataHelp}\n\nExample:\n  $ keepsake pins`)
    .action((options: { json?: boolean }) => summary(context, options))
  pins
    .command('list')
    .description('list pins at other backends, with what failed and why')
    .addOption(backendOption())
    .addOption(new Option('--status <status>', 'only with this status').choices(statuses))
    .option('--limit <n>', 'at most so many', Number, 50)
    .option('--json', 'print JSON')
    .addHelpText('after', `${dataHelp}\n\nExample:\n  $ keepsake pins list --status failed --backend cluster`)
    .action((options: ListOptions) => list(context, options))
  pins
    .command('show')
    .description('where one content stands with every backend')
    .argument('<cid>', 'its CID')
    .option('--json', 'print JSON')
    .addHelpText('after', dataHelp)
    .action((cid: string, options: { json?: boolean }) => show(context, cid, options))
  pins
    .command('retry')
    .description('try again what failed, from the beginning, also what was given up')
    .argument('[cid...]', 'which contents')
    .addOption(backendOption())
    .option('--all', 'everything that failed')
    .addHelpText('after', `${dataHelp}\n\nExample:\n  $ keepsake pins retry --all --backend cluster`)
    .action((cids: string[], options: { backend?: string; all?: boolean }) => retry(context, cids, options))
  pins
    .command('audit')
    .description('check a sample of what is said to be pinned, at every backend, now')
    .option('--json', 'print JSON')
    .addHelpText('after', `\nExit code 1: something is not where it is said to be.\n${dataHelp}`)
    .action((options: { json?: boolean }) => audit(context, options))
}
