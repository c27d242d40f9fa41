import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Deal, DealDetails, ExportedProposal, ImportOutcome } from '@keepsake/api/deals.ts'
import { formatBytes } from '@keepsake/terminal/sizes.ts'
import { formatTable } from '@keepsake/terminal/table.ts'
import type { Command } from 'commander'
import { InvalidArgumentError, Option } from 'commander'
import { devnetLabel } from '../chain/source.ts'
import { exportProposals } from '../deals/export-proposals.ts'
import { type Claim, importDeals } from '../deals/import-deals.ts'
import { cancelDeal, proposeTo, retryDeal } from '../deals/operate.ts'
import { readOverview } from '../deals/overview.ts'
import { parseClaims } from '../deals/parse-claims.ts'
import { type DealFilter, getDeal, listDeals } from '../deals/read-deals.ts'
import { dealRules } from '../deals/rules.ts'
import { type DealState, dealStates } from '../providers/deal.ts'
import { parseActorId } from '../providers/providers.ts'
import type { Service } from '../service.ts'
import type { Context } from './context.ts'
import { print, tell, withService } from './context.ts'
import { OperatorError, UsageError } from './failure.ts'
import { dataHelp } from './program-help.ts'

function partsOf(service: Service) {
  return { ...service, rules: dealRules(service.config), wanted: service.config.DEAL_REPLICAS }
}

function parseNumber(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new InvalidArgumentError('Expected a number.')
  return Number(text)
}

const shortTime = (text: string | null) => text?.slice(0, 16).replace('T', ' ') ?? ''

/** How a deal stands, in a few words. */
function standingOf({ state, proving, reason, dueAt }: Deal): string {
  if (state === 'active') return proving === 'proving' ? 'active, proving' : `active, ${proving ?? 'not looked at yet'}`
  if (state === 'failed' || state === 'terminated') return `${state}: ${reason ?? ''}`
  return dueAt && Date.parse(dueAt) < Date.now() ? `${state}, overdue` : state
}

function rowOf(deal: Deal): string[] {
  const { id, provider, aggregateId, pieceSizeBytes, endsAt, chainDealId } = deal
  return [
    String(id),
    provider.id,
    String(aggregateId),
    formatBytes(pieceSizeBytes),
    chainDealId === null ? '' : String(chainDealId),
    endsAt?.slice(0, 10) ?? '',
    standingOf(deal),
  ]
}

const right = (title: string) => ({ title, align: 'right' as const })
const columns = [
  right('No.'),
  { title: 'Provider' },
  right('Aggregate'),
  right('Piece'),
  right('On chain'),
  { title: 'Until' },
  { title: 'State', flexible: true },
]

interface ListOptions extends DealFilter {
  limit: number
  json?: boolean
}

async function list(context: Context, { limit, json, ...filter }: ListOptions): Promise<void> {
  await withService(context, async (service) => {
    const deals = await listDeals(service.database, { ...filter, limit: limit + 1 })
    const overview = await readOverview(partsOf(service))
    if (json) return print(JSON.stringify({ deals: deals.slice(0, limit), overview }, null, 2))
    if (overview.chainTrouble) tell(overview.chainTrouble)
    if (overview.chain?.isDevnet) tell(devnetLabel)
    const { built, withoutDeal, short } = overview.pieces
    tell(`${built} aggregates are built; ${short} have fewer than ${overview.wanted} live deals, ${withoutDeal} none.`)
    if (overview.providers.active === 0 && built > 0)
      tell('No storage provider is registered that could take them: docs/storage-providers.md.')
    if (deals.length === 0) return tell('There are no such deals.')
    for (const line of formatTable(columns, deals.slice(0, limit).map(rowOf), process.stdout)) print(line)
    if (deals.length > limit) tell(`There are more than ${limit}; --limit shows more of them.`)
  })
}

function details({ deal, events, label, client }: DealDetails): string[] {
  const { provider, chainDealId, sector } = deal
  const rows: [string, string | number | null][] = [
    ['State', standingOf(deal)],
    ['Network', deal.isDevnet ? `${deal.network} (${devnetLabel})` : deal.network],
    ['Provider', `${provider.id}  ${[provider.name, provider.organisation].filter(Boolean).join(', ')}`],
    ['Aggregate', `${deal.aggregateId}, ${deal.items} items`],
    ['Piece CID', deal.pieceCid],
    ['Piece size', `${formatBytes(deal.pieceSizeBytes)} (${deal.pieceSizeBytes} bytes, padded)`],
    ['Client', client],
    ['Label', label],
    ['Proposal CID', deal.proposalCid],
    ['Begins', deal.startEpoch === null ? null : `epoch ${deal.startEpoch}  ${shortTime(deal.startsAt)}`],
    ['Ends', deal.endEpoch === null ? null : `epoch ${deal.endEpoch}  ${shortTime(deal.endsAt)}`],
    ['Due', deal.dueAt && shortTime(deal.dueAt)],
    ['Offered again', deal.againAt && `to the same provider not before ${shortTime(deal.againAt)}`],
    ['Number on the chain', chainDealId],
    ['Sector', sector === null ? null : `${sector} (deadline ${deal.deadline ?? '?'}, partition ${deal.partition ?? '?'})`],
    ['Last proven', deal.lastProvenEpoch === null ? null : `epoch ${deal.lastProvenEpoch}`],
    ['Chain looked at', deal.checkedEpoch === null ? null : `up to epoch ${deal.checkedEpoch}`],
    ['Stands in for', deal.replacesId === null ? null : `deal ${deal.replacesId}`],
  ]
  const lines = rows.filter(([, value]) => value !== null).map(([name, value]) => `${name.padEnd(20)} ${value}`)
  lines.push('')
  for (const { at, state, reason, epoch, evidence } of events) {
    const where = epoch === null ? '' : ` at epoch ${epoch}`
    lines.push(`${shortTime(at)}  ${state}${where}${reason ? `: ${reason}` : ''}`)
    for (const [name, value] of Object.entries(evidence))
      lines.push(`                    ${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
  }
  return lines
}

function printDetails(found: DealDetails, json: boolean | undefined): void {
  for (const line of json ? [JSON.stringify(found, null, 2)] : details(found)) print(line)
}

async function show(context: Context, id: number, { json }: { json?: boolean }): Promise<void> {
  printDetails(await withService(context, ({ database }) => getDeal(database, id)), json)
}

interface ProposeOptions {
  provider: number
  force?: boolean
  json?: boolean
}

async function propose(context: Context, aggregateId: number, { provider, force, json }: ProposeOptions): Promise<void> {
  const about = { aggregateId, actorId: provider, force, signal: context.signal }
  printDetails(await withService(context, (service) => proposeTo(partsOf(service), about)), json)
}

async function retry(context: Context, id: number, { json }: { json?: boolean }): Promise<void> {
  printDetails(await withService(context, (service) => retryDeal(partsOf(service), id, context.signal)), json)
}

async function cancel(context: Context, id: number, { reason }: { reason?: string }): Promise<void> {
  const { deal } = await withService(context, (service) => cancelDeal(service, id, reason))
  print(`Deal ${id} is cancelled.`)
  if (deal.startEpoch !== null)
    tell(`Whoever has its proposal can still publish it before epoch ${deal.startEpoch}; it would be shown then.`)
}

interface ExportOptions {
  format: 'json' | 'cbor'
  output?: string
}

async function exportTo(context: Context, ids: number[], { format, output }: ExportOptions): Promise<void> {
  if (format === 'cbor' && output === undefined)
    throw new UsageError('CBOR goes into a folder, a file for each proposal: name it with --output.')
  const proposals = await withService(context, (service) => exportProposals(service, ids.length > 0 ? ids : undefined))
  if (format === 'cbor') await writeCbor(proposals, output as string)
  else if (output === undefined) print(JSON.stringify({ proposals }, null, 2))
  else await writeFile(output, `${JSON.stringify({ proposals }, null, 2)}\n`)
  tell(
    proposals.length === 0
      ? 'No proposal waits to be handed over.'
      : `${proposals.length} proposals. When they are published: keepsake deals import`,
  )
}

async function writeCbor(proposals: readonly ExportedProposal[], folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  for (const { proposalCid, clientDealProposal } of proposals)
    await writeFile(join(folder, `${proposalCid}.cbor`), Buffer.from(clientDealProposal, 'base64'))
}

async function readClaims(pairs: readonly string[], file: string | undefined): Promise<Claim[]> {
  if ((file === undefined) === (pairs.length === 0))
    throw new UsageError('Name the deals as DEAL=NUMBER, or a file of them with --file.')
  return parseClaims(file === undefined ? pairs.join('\n') : await readFile(file, 'utf8'))
}

function outcomeText({ deal, chainDealId, outcome, reason }: ImportOutcome): string {
  if (outcome === 'published') return `Deal ${deal} is on the chain as number ${chainDealId}.`
  return outcome === 'known' ? `Deal ${deal} was known as number ${chainDealId}.` : `Deal ${deal}: refused. ${reason}`
}

async function importFrom(context: Context, pairs: string[], { file, json }: { file?: string; json?: boolean }): Promise<void> {
  const claims = await readClaims(pairs, file)
  const outcomes = await withService(context, (service) => importDeals(service, claims, context.signal))
  if (json) print(JSON.stringify(outcomes, null, 2))
  else for (const outcome of outcomes) print(outcomeText(outcome))
  const refused = outcomes.filter(({ outcome }) => outcome === 'refused').length
  if (refused > 0) throw new OperatorError(`${refused} of ${outcomes.length} were refused; nothing of those was changed.`)
}

/** `--provider f01234`. */
function parseProvider(text: string): number {
  try {
    return parseActorId(text)
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message)
  }
}

export function addDeals(program: Command, context: Context): void {
  const deals = program.command('deals').description('what was agreed with storage providers, and handing over proposals')
  const providerOption = (description: string) => new Option('--provider <id>', description).argParser(parseProvider)
  deals
    .command('list', { isDefault: true })
    .description('list deals, the newest first')
    .addOption(new Option('--state <state>', 'only those in this state').choices(dealStates))
    .addOption(providerOption('only with this provider, as in f01234'))
    .option('--aggregate <number>', 'only of this aggregate', parseNumber)
    .option('--limit <n>', 'at most so many', parseNumber, 50)
    .option('--json', 'print JSON')
    .addHelpText('after', `${dataHelp}\n\nExample:\n  $ keepsake deals list --state failed`)
    .action((options: { state?: DealState; provider?: number; aggregate?: number; limit: number; json?: boolean }) => {
      const { provider: actorId, aggregate: aggregateId, ...rest } = options
      return list(context, { ...rest, actorId, aggregateId })
    })
  deals
    .command('show')
    .description('everything about one deal, with what happened to it and what shows that')
    .argument('<number>', 'its number', parseNumber)
    .option('--json', 'print JSON')
    .addHelpText('after', dataHelp)
    .action((id: number, options: { json?: boolean }) => show(context, id, options))
  deals
    .command('propose')
    .description('propose an aggregate to a storage provider')
    .argument('<aggregate>', 'its number', parseNumber)
    .addOption(providerOption('to whom, as in f01234').makeOptionMandatory())
    .option('--force', 'also where there are as many live deals as wanted')
    .option('--json', 'print JSON')
    .addHelpText('after', `${dataHelp}\n\nExample:\n  $ keepsake deals propose 12 --provider f01234`)
    .action((aggregate: number, options: ProposeOptions) => propose(context, aggregate, options))
  deals
    .command('retry')
    .description('try again what failed or was terminated, with the same provider, now')
    .argument('<number>', 'its number', parseNumber)
    .option('--json', 'print JSON')
    .addHelpText('after', dataHelp)
    .action((id: number, options: { json?: boolean }) => retry(context, id, options))
  deals
    .command('cancel')
    .description('give up a deal that is not on the chain')
    .argument('<number>', 'its number', parseNumber)
    .option('--reason <text>', 'why, for its history')
    .addHelpText('after', dataHelp)
    .action((id: number, options: { reason?: string }) => cancel(context, id, options))
  addHandOver(deals, context)
}

function addHandOver(deals: Command, context: Context): void {
  deals
    .command('export')
    .description('write signed proposals, to be handed to their providers by other means; without numbers all that wait')
    .argument('[number...]', 'their numbers')
    .addOption(
      new Option('--format <format>', 'one JSON document, or a CBOR file for each').choices(['json', 'cbor']).default('json'),
    )
    .option('--output <path>', 'a file; with cbor, a folder')
    .addHelpText('after', `${dataHelp}\n\nExample:\n  $ keepsake deals export --output proposals.json`)
    .action((ids: string[], options: ExportOptions) => exportTo(context, ids.map(parseNumber), options))
  deals
    .command('import')
    .description("take the chain's numbers of deals that were handed over; each is checked against the chain")
    .argument('[pair...]', 'DEAL=NUMBER; the deal by its number here or the CID of its proposal')
    .option('--file <path>', 'such pairs, one a line; or an export in JSON in which chainDealId is filled in')
    .option('--json', 'print JSON')
    .addHelpText('after', `\nExit code 1: something was refused.\n${dataHelp}\n\nExample:\n  $ keepsake deals import 7=4821234`)
    .action((pairs: string[], options: { file?: string; json?: boolean }) => importFrom(context, pairs, options))
}
