import type { Progress } from '@keepsake/terminal/progress.ts'
import { progressOn } from '@keepsake/terminal/progress.ts'
import { formatBytes } from '@keepsake/terminal/sizes.ts'
import { formatTable } from '@keepsake/terminal/table.ts'
import type { Command } from 'commander'
import { closeAll, finishNow, validateAgain } from '../aggregates/operate.ts'
import type { AggregateItem, AggregateSummary, Waiting } from '../aggregates/overview.ts'
import { getAggregate, listAggregates, listItems, readWaiting } from '../aggregates/overview.ts'
import { packingRules } from '../aggregates/rules.ts'
import type { AggregateState } from '../database/schema.ts'
import type { Service } from '../service.ts'
import type { Context } from './context.ts'
import { print, tell, withService } from './context.ts'
import { UsageError } from './failure.ts'
import { dataHelp } from './program-help.ts'

const states: readonly AggregateState[] = ['collecting', 'building', 'validating', 'built', 'failed']
const maxListed = 1000
const maxItemsShown = 20
const maxObstaclesShown = 10

function parseId(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new UsageError(`Expected the number of an aggregate, got ${JSON.stringify(text)}.`)
  return Number(text)
}

function ago(instant: Date | null, now = Date.now()): string {
  if (!instant) return ''
  const seconds = Math.max(0, Math.round((now - instant.getTime()) / 1000))
  if (seconds < 120) return `${seconds} s`
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`
}

/** Rounded down: 100 % is when it is done. */
function percent(share: number): string {
  return `${Math.floor(share * 100)} %`
}

function standingOf({ state, fill, progress, reason, retryAt }: AggregateSummary): string {
  if (state === 'collecting' && fill !== null) return `collecting (${percent(fill)} full)`
  if (progress !== null) return `${state} (${percent(progress)})`
  return state === 'failed' ? `failed: ${reason ?? ''}${retryAt ? `; again at ${retryAt.toISOString()}` : ''}` : state
}

function rowOf(aggregate: AggregateSummary): string[] {
  const { id, items, sizeBytes, oldestAt, pieceCid } = aggregate
  return [String(id), standingOf(aggregate), String(items), formatBytes(sizeBytes), ago(oldestAt), pieceCid ?? '']
}

function waitingText({ contents, bytes, oldestAt, settlesAt, obstacles, obstacleCount }: Waiting): string[] {
  const lines: string[] = []
  if (contents > 0) {
    const settles = settlesAt && settlesAt.getTime() > Date.now() ? `, the first until ${settlesAt.toISOString()}` : ''
    lines.push(`${contents} contents (${formatBytes(bytes)}) wait for ${ago(oldestAt)} to be looked at: they settle${settles}.`)
  }
  if (obstacleCount > 0) lines.push(`${obstacleCount} contents cannot be packed for now:`)
  for (const { cid, reason, retryAt } of obstacles) lines.push(`  ${cid}: ${reason} Tried again at ${retryAt.toISOString()}.`)
  return lines
}

function counted(items: number): string {
  return items === 1 ? '1 item' : `${items} items`
}

function partsOf(service: Service) {
  return { ...service, rules: packingRules(service.config) }
}

async function list(context: Context, { json, state }: { json?: boolean; state?: string }): Promise<void> {
  if (state !== undefined && !states.includes(state as AggregateState))
    throw new UsageError(`Expected a state out of ${states.join(', ')}, got ${JSON.stringify(state)}.`)
  await withService(context, async (service) => {
    const parts = partsOf(service)
    const filter = { state: state as AggregateState | undefined, limit: maxListed }
    const [aggregates, waiting] = await Promise.all([listAggregates(parts, filter), readWaiting(parts, maxObstaclesShown)])
    if (json) return print(JSON.stringify({ aggregates, waiting }, null, 2))
    if (!parts.rules) tell('Nothing is packed: AGGREGATE_PROFILE=off.')
    if (aggregates.length === 0) tell('There are no aggregates yet. They are made by themselves when uploads are complete.')
    else {
      const columns = [
        { title: 'No.', align: 'right' as const },
        { title: 'State', flexible: true },
        { title: 'Items', align: 'right' as const },
        { title: 'Size', align: 'right' as const },
        { title: 'Oldest', align: 'right' as const },
        { title: 'Piece CID' },
      ]
      for (const line of formatTable(columns, aggregates.map(rowOf), process.stdout)) print(line)
    }
    for (const line of waitingText(waiting)) tell(line)
  })
}

function details(aggregate: AggregateSummary, items: readonly AggregateItem[]): string[] {
  const rows: [string, string | number | null | undefined][] = [
    ['State', standingOf(aggregate)],
    ['Layout', aggregate.layout],
    ['Items', aggregate.items],
    ['Size', `${formatBytes(aggregate.sizeBytes)} (${aggregate.sizeBytes} bytes)`],
    ['Piece CID', aggregate.pieceCid],
    ['Piece CID, version 2', aggregate.pieceCidV2],
    ['Directory', aggregate.root],
    ['Oldest item complete', aggregate.oldestAt?.toISOString()],
    ['Closes at the latest', aggregate.closesAt?.toISOString()],
    ['Closed', aggregate.closedAt && `${aggregate.closedAt.toISOString()} (${aggregate.closedBecause})`],
    ['Built', aggregate.builtAt?.toISOString()],
    ['Last validated', aggregate.validatedAt?.toISOString()],
    ['Failed attempts', aggregate.attempts > 0 ? aggregate.attempts : null],
  ]
  const lines = rows.filter(([, value]) => value != null).map(([label, value]) => `${label.padEnd(22)}${value}`)
  for (const { cid, part, parts, selector } of items) {
    lines.push(`  ${cid}${parts > 1 ? ` (part ${part + 1} of ${parts})` : ''}${selector ? `  ${selector}` : ''}`)
  }
  if (aggregate.items > items.length) lines.push(`  … and ${aggregate.items - items.length} more (--json lists all)`)
  return lines
}

async function show(context: Context, id: number, { json }: { json?: boolean }): Promise<void> {
  await withService(context, async (service) => {
    const aggregate = await getAggregate(partsOf(service), id)
    const items = await listItems(service.database, id, json ? aggregate.items : maxItemsShown)
    if (json) return print(JSON.stringify({ ...aggregate, itemList: items }, null, 2))
    for (const line of details(aggregate, items)) print(line)
  })
}

/** Shows on the terminal what is being done. */
function steps(service: Service, progress: Progress) {
  const totals = new Map<number, number>()
  return {
    onStep(step: 'building' | 'validating', id: number): void {
      progress.begin(`${step === 'building' ? 'Building' : 'Validating'} ${id}`, totals.get(id))
    },
    onProgress: (bytes: number) => progress.update(bytes),
    /** So that the bar knows where it ends. */
    async learn(id: number): Promise<void> {
      totals.set(id, (await getAggregate(partsOf(service), id)).sizeBytes)
    },
  }
}

async function build(context: Context, id: number | undefined): Promise<void> {
  const progress = progressOn(process.stderr)
  try {
    await withService(context, async (service) => {
      const parts = partsOf(service)
      const shown = steps(service, progress)
      const ids = id === undefined ? await closeEverything(service, context.signal) : [id]
      for (const one of ids) {
        await shown.learn(one)
        await finishNow(service, one, { ...shown, signal: context.signal })
        progress.end()
        const { items, sizeBytes, pieceCid } = await getAggregate(parts, one)
        print(`Aggregate ${one} is built and validated: ${counted(items)}, ${formatBytes(sizeBytes)}, piece ${pieceCid}`)
      }
      if (ids.length === 0) tell('Nothing waits to be packed.')
    })
  } finally {
    progress.end()
  }
}

async function closeEverything(service: Service, signal: AbortSignal): Promise<number[]> {
  const rules = packingRules(service.config)
  if (!rules) throw new UsageError('Nothing is packed: AGGREGATE_PROFILE=off.')
  return await closeAll(service, rules, signal)
}

async function validate(context: Context, id: number): Promise<void> {
  const progress = progressOn(process.stderr)
  try {
    await withService(context, async (service) => {
      const shown = steps(service, progress)
      await shown.learn(id)
      await validateAgain(service, id, { ...shown, signal: context.signal })
      progress.end()
      const { items, sizeBytes, pieceCid } = await getAggregate(partsOf(service), id)
      print(
        `Aggregate ${id} is what it should be: ${formatBytes(sizeBytes)} read, piece ${pieceCid}, ${counted(items)} found both ways.`,
      )
    })
  } finally {
    progress.end()
  }
}

export function addAggregates(program: Command, context: Context): void {
  const aggregates = program.command('aggregates').description('what uploads are packed into for Filecoin')
  aggregates
    .command('list')
    .description('list aggregates, the newest first, and say what waits and why')
    .option('--state <state>', `only those that are ${states.join(', ')}`)
    .option('--json', 'print JSON')
    .addHelpText('after', `${dataHelp}\n\nExample:\n  $ keepsake aggregates list --state failed`)
    .action((options: { json?: boolean; state?: string }) => list(context, options))
  aggregates
    .command('show')
    .description('everything about one aggregate, and what is in it')
    .argument('<number>', 'its number')
    .option('--json', 'print JSON, with every item')
    .addHelpText('after', dataHelp)
    .action((id: string, options: { json?: boolean }) => show(context, parseId(id), options))
  aggregates
    .command('build')
    .description('close, build and validate an aggregate now; without a number everything that waits or collects')
    .argument('[number]', 'its number; one that failed begins again')
    .addHelpText('after', `${dataHelp}\n\nExample:\n  $ keepsake aggregates build`)
    .action((id?: string) => build(context, id === undefined ? undefined : parseId(id)))
  aggregates
    .command('validate')
    .description('read an aggregate back, compute its piece anew, and find every item in it')
    .argument('<number>', 'its number')
    .addHelpText('after', dataHelp)
    .action((id: string) => validate(context, parseId(id)))
}
