import { normalEndpoint } from '@keepsake/client/connection.ts'
import { askRouter, getProviderReport } from '@keepsake/client/providers.ts'
import { type Command, InvalidArgumentError } from 'commander'
import type { CID } from 'multiformats/cid'
import { parseCid } from '../cid-argument.ts'
import { withConnection } from '../connect.ts'
import type { Context } from '../context.ts'
import { print, printJson } from '../context.ts'
import { CommandError, messageOf } from '../failure.ts'
import { type AskedRouter, diagnose, type Findings } from '../findprovs/diagnose.ts'
import { describeFindings } from '../findprovs/show.ts'
import type { Trial } from '../findprovs/try-address.ts'
import { tryAddress } from '../findprovs/try-address.ts'
import { tryGateway } from '../findprovs/try-gateway.ts'
import type { ServerOptions } from '../settings.ts'
import { withServerOptions } from '../settings.ts'

interface Options extends ServerOptions {
  json?: boolean
  timeout: number
  router: string[]
}

/** A search through the DHT may take as long as it takes; the server allows this much. */
const maxTimeoutSeconds = 60
/** Addresses tried of the peer; it may have dozens over relays. */
const maxTrials = 20

function parseTimeout(text: string): number {
  const seconds = Number(text)
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > maxTimeoutSeconds)
    throw new InvalidArgumentError(`Expected a whole number of seconds from 1 to ${maxTimeoutSeconds}.`)
  return seconds
}

async function ask(url: string, cid: CID, { signal }: Context): Promise<AskedRouter> {
  try {
    const endpoint = normalEndpoint(url.replace(/\/routing\/v1\/?$/, ''))
    return {
      url: endpoint,
      providers: await askRouter({ endpoint, maxAttempts: 1 }, String(cid), {
        signal: AbortSignal.any([signal, AbortSignal.timeout(20_000)]),
      }),
    }
  } catch (error) {
    signal.throwIfAborted()
    return { url, providers: [], error: messageOf(error) }
  }
}

async function tryOwn(
  findings: Pick<Findings, 'peer' | 'isHere' | 'gatewayUrl'>,
  cid: CID,
  { signal }: Context,
): Promise<Trial[]> {
  if (!findings.isHere) return []
  const addresses = (findings.peer?.addresses ?? []).slice(0, maxTrials)
  return await Promise.all([
    ...addresses.map((address) => tryAddress(address, signal)),
    tryGateway(findings.gatewayUrl, cid, signal),
  ])
}

async function findprovs(context: Context, text: string, options: Options): Promise<void> {
  const cid = parseCid(text)
  const findings = await withConnection(context, options, { key: true }, async (connection): Promise<Findings> => {
    context.progress.note(`Asking the network for up to ${options.timeout} s.`)
    const [report, ownRouter, ...askedRouters] = await Promise.all([
      getProviderReport(connection, String(cid), { timeoutSeconds: options.timeout, signal: context.signal }),
      ask(connection.endpoint, cid, context),
      ...options.router.map((url) => ask(url, cid, context)),
    ])
    return { ...report, ownRouter, askedRouters, trials: await tryOwn(report, cid, context) }
  })
  const diagnosis = diagnose(findings)
  await (options.json ? printJson({ ...findings, ...diagnosis }) : print(describeFindings(findings, diagnosis)))
  if (!diagnosis.isFindable) throw new CommandError(`${cid} cannot be found by others as it is now.`)
}

export function addFindprovs(program: Command, context: Context): void {
  const collect = (value: string, before: string[]) => [...before, value]
  withServerOptions(program.command('findprovs'))
    .description('find out who provides a CID, and whether others can find it on your server')
    .argument('<cid>', 'what to look for')
    .option('--timeout <seconds>', `how long to ask the network, up to ${maxTimeoutSeconds}`, parseTimeout, 20)
    .option('--router <url>', 'another router to ask, from this machine; may be given several times', collect, [])
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Asks the server itself, the DHT and routers through the server's peer, and tries from this machine whether the server's addresses
answer. Exit code 0: others can find it and fetch it; 1: they cannot, and what stands in the way is printed.

Examples:
  $ keepsake findprovs bafy...
  $ keepsake findprovs bafy... --router https://delegated-ipfs.dev
  $ keepsake findprovs bafy... --json | jq .problems`,
    )
    .action((cid: string, options: Options) => findprovs(context, cid, options))
}
