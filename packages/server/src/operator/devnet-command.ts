import { formatTable } from '@keepsake/terminal/table.ts'
import type { Command } from 'commander'
import { findSource } from '../chain/source.ts'
import type { Context } from './context.ts'
import { print, tell, withService } from './context.ts'
import { OperatorError, UsageError } from './failure.ts'
import { dataHelp } from './program-help.ts'

interface DevnetDeal {
  dealId: number | null
  sector: number | null
  stage: string
  pieceCid: string
  reason: string | null
}

interface DevnetProvider {
  provider: string
  city: string
  country: string
  isOffline: boolean
  isFaulty: boolean
  sendsWrongBytes: boolean
  retrievalUrl: string
  deals: DevnetDeal[]
}

interface DevnetStatus {
  network: string
  rpcUrl: string
  epochMs: number
  head: { epoch: number }
  providers: DevnetProvider[]
}

const callTimeoutMs = 30_000

/** Gives the devnet of the running server a command. @throws OperatorError with what is wrong */
async function command<T>(context: Context, name: string, body: object): Promise<T> {
  const source = await withService(context, ({ database }) => findSource(database))
  if (!source?.controlUrl)
    throw new OperatorError(
      source
        ? `The Filecoin network in use is ${source.network}, which is no devnet of this server.`
        : 'There is no devnet: no server has run with FILECOIN_RPC=devnet (the default) on this data yet.',
    )
  let response: Response
  try {
    response = await fetch(new URL(name, source.controlUrl), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.any([context.signal, AbortSignal.timeout(callTimeoutMs)]),
    })
  } catch (cause) {
    context.signal.throwIfAborted()
    throw new OperatorError(`The devnet does not answer at ${source.controlUrl}. Does the server run?`, { cause })
  }
  const answer = (await response.json()) as T & { error?: string }
  if (response.ok) return answer
  throw new (response.status === 400 ? UsageError : OperatorError)(answer.error ?? `The devnet answered ${response.status}.`)
}

function stateOf({ isOffline, isFaulty, sendsWrongBytes }: DevnetProvider): string {
  const words = [isOffline && 'offline', isFaulty && 'faulty', sendsWrongBytes && 'sends wrong bytes'].filter(Boolean)
  return words.join(', ') || 'well'
}

async function status(context: Context, { json }: { json?: boolean }): Promise<void> {
  const found = await command<DevnetStatus>(context, 'status', {})
  if (json) return print(JSON.stringify(found, null, 2))
  print(`${found.network}, epoch ${found.head.epoch}, a new one every ${found.epochMs} ms, ${found.rpcUrl}`)
  const columns = [
    { title: 'Provider' },
    { title: 'Place' },
    { title: 'Deal', align: 'right' as const },
    { title: 'Sector', align: 'right' as const },
    { title: 'Stage' },
    { title: 'State', flexible: true },
  ]
  const rows = found.providers.flatMap((provider) => {
    const first = [provider.provider, `${provider.city}, ${provider.country}`]
    if (provider.deals.length === 0) return [[...first, '-', '-', '-', stateOf(provider)]]
    return provider.deals.map((deal) => [
      ...first,
      String(deal.dealId ?? '-'),
      String(deal.sector ?? '-'),
      deal.stage,
      deal.reason ?? stateOf(provider),
    ])
  })
  for (const line of formatTable(columns, rows, process.stdout)) print(line)
  tell('devnet: simulated storage providers on this machine')
}

interface Named {
  provider?: string
  json?: boolean
}

/** Of each command that changes how providers behave: what it is called at the devnet, what it does, and how they are then. */
const moods = [
  ['fault', 'faults', 'have them declare their sectors faulty and prove none', 'faulty'],
  ['recover', 'recover', 'have them prove their sectors again', 'proving again'],
  ['offline', 'offline', 'have them answer nobody, ask nobody and prove nothing', 'offline'],
  ['online', 'online', 'have them take up their work again', 'online'],
  ['wrong-bytes', 'wrong-bytes', 'have them serve other bytes than they store', 'serving wrong bytes'],
  ['right-bytes', 'right-bytes', 'have them serve what they store again', 'serving what is stored'],
] as const

async function changeMood(
  context: Context,
  { name, done }: { name: string; done: string },
  { provider, json }: Named,
): Promise<void> {
  const { providers } = await command<{ providers: DevnetProvider[] }>(context, name, { ...(provider && { provider }) })
  if (json) return print(JSON.stringify(providers, null, 2))
  tell(`${providers.map((one) => `${one.provider} (${one.city})`).join(', ')}: now ${done}.`)
}

function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new UsageError(`${JSON.stringify(text)} is no number.`)
  return Number(text)
}

interface TerminateOptions extends Named {
  deal?: string
  sector?: string
}

async function terminate(context: Context, { provider, deal, sector, json }: TerminateOptions): Promise<void> {
  if ((deal === undefined) === (sector === undefined)) throw new UsageError('Give --deal or --sector, one of them.')
  const which = {
    ...(deal !== undefined && { deal: wholeNumber(deal) }),
    ...(sector !== undefined && { sector: wholeNumber(sector) }),
  }
  const done = await command<object>(context, 'terminate', { provider, ...which })
  if (json) return print(JSON.stringify(done, null, 2))
  tell(`${provider} gives up ${deal === undefined ? `sector ${sector}` : `deal ${deal}`}; the chain knows it in some epochs.`)
}

async function reorg(context: Context, { depth, json }: { depth: string; json?: boolean }): Promise<void> {
  const done = await command<{ head: { epoch: number } }>(context, 'reorg', { depth: wholeNumber(depth) })
  if (json) return print(JSON.stringify(done, null, 2))
  tell(`The last ${depth} blocks were taken back and others put in their place; the head is at epoch ${done.head.epoch}.`)
}

export function addDevnet(program: Command, context: Context): void {
  const devnet = program
    .command('devnet')
    .description('the simulated Filecoin network that the server runs for trying: how it is, and what is to go wrong in it')
  devnet
    .command('status', { isDefault: true })
    .description('its head, its storage providers, and what they hold')
    .option('--json', 'print JSON')
    .addHelpText('after', `${dataHelp}\n\nExample:\n  $ keepsake devnet`)
    .action((options: { json?: boolean }) => status(context, options))
  for (const [verb, name, description, done] of moods) {
    devnet
      .command(verb)
      .description(description)
      .option('--provider <id>', 'only this one, as f01000; all where it is left out')
      .option('--json', 'print JSON')
      .addHelpText('after', `${dataHelp}\n\nExample:\n  $ keepsake devnet ${verb} --provider f01000`)
      .action((options: Named) => changeMood(context, { name, done }, options))
  }
  devnet
    .command('terminate')
    .description('have one give up a sector, and the deal in it, before its time and for good')
    .requiredOption('--provider <id>', 'which, as f01000')
    .option('--deal <id>', 'the deal, by its number on the chain')
    .option('--sector <number>', 'the sector')
    .option('--json', 'print JSON')
    .addHelpText('after', `${dataHelp}\n\nExample:\n  $ keepsake devnet terminate --provider f01000 --deal 7`)
    .action((options: TerminateOptions) => terminate(context, options))
  devnet
    .command('reorg')
    .description('take the last blocks back and put others, without their messages, in their place')
    .option('--depth <n>', 'how many', '3')
    .option('--json', 'print JSON')
    .addHelpText('after', `${dataHelp}\n\nExample:\n  $ keepsake devnet reorg --depth 5`)
    .action((options: { depth: string; json?: boolean }) => reorg(context, options))
}
