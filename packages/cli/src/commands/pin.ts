import type { RemotePin, RemotePinStatus } from '@keepsake/api/pinning.ts'
import type { Connection } from '@keepsake/client/connection.ts'
import { addPin as askToPin, deletePin, getPin, listPins } from '@keepsake/client/pins.ts'
import { confirm } from '@keepsake/terminal/ask.ts'
import type { Column } from '@keepsake/terminal/table.ts'
import { formatTable } from '@keepsake/terminal/table.ts'
import type { Command } from 'commander'
import { InvalidArgumentError } from 'commander'
import { parseCid } from '../cid-argument.ts'
import { withConnection } from '../connect.ts'
import type { Context } from '../context.ts'
import { print, printJson } from '../context.ts'
import { CommandError, UsageError } from '../failure.ts'
import type { ServerOptions } from '../settings.ts'
import { withServerOptions } from '../settings.ts'

type Status = RemotePinStatus['status']
const statuses: readonly Status[] = ['queued', 'pinning', 'pinned', 'failed']
const pollMs = 1000
const largestPage = 1000

interface AddOptions extends ServerOptions {
  name?: string
  origin?: string[]
  meta?: Record<string, string>
  wait: boolean
  json?: boolean
}

const detailsOf = ({ info }: RemotePinStatus) => info?.status_details ?? ''

/** Asks again and again until the request has come to an end. */
async function settled(context: Context, connection: Connection, request: RemotePinStatus): Promise<RemotePinStatus> {
  const { progress, signal } = context
  let current = request
  progress.begin('Fetching', undefined)
  for (let told = ''; current.status === 'queued' || current.status === 'pinning'; ) {
    const details = detailsOf(current)
    // What only counts on is not worth a line.
    const kind = details.replaceAll(/\d+/g, '')
    if (kind !== told) progress.note(details)
    told = kind
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, pollMs)
      signal.addEventListener('abort', () => resolve(clearTimeout(timer)), { once: true })
    })
    signal.throwIfAborted()
    current = await getPin(connection, request.requestid, context)
  }
  progress.end()
  return current
}

async function add(context: Context, cid: string, { name, origin, meta, ...options }: AddOptions): Promise<void> {
  parseCid(cid)
  const pin: RemotePin = { cid, ...(name && { name }), ...(origin && { origins: origin }), ...(meta && { meta }) }
  await withConnection(context, options, { key: true }, async (connection) => {
    const request = await askToPin(connection, pin, context)
    const result = options.wait ? await settled(context, connection, request) : request
    await (options.json ? printJson(result) : print(result.requestid))
    if (result.status === 'failed') throw new CommandError(`The pin has failed: ${detailsOf(result)}`)
  })
}

interface ListOptions extends ServerOptions {
  status?: Status[]
  name?: string
  cid?: string
  limit: number
  json?: boolean
}

const columns: Column[] = [
  { title: 'Request' },
  { title: 'CID' },
  { title: 'Name' },
  { title: 'Status' },
  { title: 'Details', flexible: true },
]

async function list(context: Context, { status = [...statuses], name, cid, limit, ...options }: ListOptions): Promise<void> {
  if (cid !== undefined) parseCid(cid)
  await withConnection(context, options, { key: true }, async (connection) => {
    const found: RemotePinStatus[] = []
    let count = 0
    const pageSize = Math.min(limit, largestPage)
    for await (const page of listPins(connection, { ...context, statuses: status, name, cid, pageSize })) {
      if (found.length === 0) count = page.count
      found.push(...page.results.slice(0, limit - found.length))
      if (found.length >= limit) break
    }
    if (options.json) return await printJson(found)
    const rows = found.map((one) => [one.requestid, one.pin.cid, one.pin.name ?? '', one.status, detailsOf(one)])
    for (const line of found.length > 0 ? formatTable(columns, rows, process.stdout) : []) await print(line)
    if (process.stderr.isTTY && count > found.length) process.stderr.write(`${count - found.length} more; --limit shows them.\n`)
    if (process.stderr.isTTY && count === 0) process.stderr.write('Nothing is pinned by CID.\n')
  })
}

const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** The requests that were meant: a CID means all that are for it. */
async function requestsFor(context: Context, connection: Connection, text: string): Promise<string[]> {
  if (uuidPattern.test(text)) return [text]
  const ids: string[] = []
  for await (const { results } of listPins(connection, { ...context, statuses, cid: text, pageSize: largestPage }))
    ids.push(...results.map(({ requestid }) => requestid))
  if (ids.length === 0) throw new CommandError(`There is no pin request for ${text}.`)
  return ids
}

async function remove(context: Context, what: readonly string[], options: ServerOptions & { yes?: boolean }): Promise<void> {
  for (const text of what) if (!uuidPattern.test(text)) parseCid(text)
  if (!options.yes) {
    if (!process.stdin.isTTY) throw new UsageError('Nobody is there to be asked; say --yes to remove without asking.')
    const named = what.length === 1 ? what[0] : `${what.length} pins`
    if (!(await confirm(`End the pin ${named}?`, context.signal))) throw new CommandError('Nothing was removed.')
  }
  await withConnection(context, options, { key: true }, async (connection) => {
    for (const text of what) {
      for (const id of await requestsFor(context, connection, text)) {
        await deletePin(connection, id, context)
        await print(id)
      }
    }
  })
}

function parseLimit(text: string): number {
  const limit = Number(text)
  if (!/^\d+$/.test(text) || limit < 1) throw new InvalidArgumentError('Expected a whole number from 1 on.')
  return limit
}

function parseStatuses(text: string): Status[] {
  const wanted = text.split(',').map((status) => status.trim())
  const isKnown = (status: string): status is Status => (statuses as readonly string[]).includes(status)
  if (!wanted.every(isKnown)) throw new InvalidArgumentError(`Expected ${statuses.join(', ')}, comma-separated.`)
  return wanted
}

function collectMeta(text: string, known: Record<string, string> = {}): Record<string, string> {
  const [key, ...value] = text.split('=')
  if (!key || value.length === 0) throw new InvalidArgumentError('Expected key=value.')
  return { ...known, [key]: value.join('=') }
}

const addHelp = `
The server asks the addresses of --origin first, then whoever the IPFS network names. It checks every block. What it prints is the number of the request.

Examples:
  $ keepsake pin add bafy... --name "Vol. 1"
  $ keepsake pin add bafy... --origin /dns4/ipfs.example.org/tcp/443/https --no-wait`

export function addPin(program: Command, context: Context): void {
  const pin = program.command('pin').description('have content fetched by its CID from the IPFS network, and kept')
  withServerOptions(pin.command('add'))
    .description('pin what is below a CID')
    .argument('<cid>', 'the root of it')
    .option('--name <name>', 'to find it by')
    .option('--origin <multiaddr...>', 'nodes or gateways that have it')
    .option('--meta <key=value>', 'what is worth knowing of it; may be given several times', collectMeta)
    .option('--no-wait', 'do not wait until it is here')
    .option('--json', 'print JSON')
    .addHelpText('after', addHelp)
    .action((cid: string, options: AddOptions) => add(context, cid, options))
  withServerOptions(pin.command('ls'))
    .description('list your pins by CID, newest first')
    .option('--status <statuses>', 'only queued, pinning, pinned, failed; comma-separated', parseStatuses)
    .option('--name <text>', 'only those whose name contains this')
    .option('--cid <cid>', 'only those of this CID')
    .option('--limit <n>', 'how many', parseLimit, 50)
    .option('--json', 'print JSON')
    .action((options: ListOptions) => list(context, options))
  withServerOptions(pin.command('rm'))
    .description('end pins; uploads of the same content stay')
    .argument('<request...>', 'numbers of requests, or CIDs')
    .option('--yes', 'do not ask')
    .action((what: string[], options: ServerOptions & { yes?: boolean }) => remove(context, what, options))
}
