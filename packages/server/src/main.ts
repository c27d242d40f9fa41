import { formatAddress } from '@keepsake/filecoin/address.ts'
import pino from 'pino'
import { findSetUpLink } from './accounts/set-up.ts'
import { createApp } from './app.ts'
import { superviseDevnet } from './chain/devnet.ts'
import type { Config } from './config.ts'
import { ConfigError, parseConfig } from './config.ts'
import { followChain } from './deals/track/follow.ts'
import { KeepsakeError } from './errors.ts'
import { jobHandlers } from './job-handlers.ts'
import { startWorker } from './jobs/worker.ts'
import { supervisePeer } from './peer/supervise.ts'
import type { Service } from './service.ts'
import { openService } from './service.ts'
import { readBuildInfo } from './status/version.ts'
import type { Supervised } from './supervise.ts'

/** How long requests under way may take after SIGTERM before their connections are cut. */
const drainMs = 30_000

function urlOf({ PUBLIC_URL }: Config, port: number): string {
  return PUBLIC_URL.endsWith(':0') ? `http://localhost:${port}` : PUBLIC_URL
}

/** Its storage providers reach this server like anybody on this machine, so it starts once that is possible. */
function startDevnet({ config, ...service }: Service, port: number): Supervised {
  const isAnyAddress = config.HOST === '0.0.0.0' || config.HOST === '::'
  const host = isAnyAddress ? '127.0.0.1' : config.HOST.includes(':') ? `[${config.HOST}]` : config.HOST
  return superviseDevnet({
    ...service,
    dataDir: config.DATA_DIR,
    keepsakeUrl: `http://${host}:${port}`,
    walletAddress: async () => formatAddress((await service.wallet.defaultSigner()).address),
    env: process.env,
  })
}

function banner(url: string): string {
  return [
    `Keepsake is ready at ${url}`,
    '',
    '  Open it in a browser, or stay here:',
    '  Create an account   npx keepsake users create you@example.com',
    '  Create a key        npx keepsake keys create --user you@example.com --name first',
    `  Store a file        curl -H "Authorization: Bearer KEY" --data-binary @art.png ${url}/api/upload`,
    `  Fetch it            ${url}/ipfs/CID`,
    '',
  ].join('\n')
}

/** Serves until told to stop; resolves when everything is closed in order. */
async function serve(config: Config): Promise<void> {
  const log = pino({ level: config.LOG_LEVEL }, pino.destination(2))
  const { promise: stopped, resolve: stop } = Promise.withResolvers<string>()
  process.on('SIGTERM', () => stop('SIGTERM'))
  process.on('SIGINT', () => stop('SIGINT'))
  await using service = await openService({ config, log, mode: 'server' })
  void service.lost.then((reason) => {
    log.error({ err: reason }, 'the database is gone')
    stop('the database is gone')
  })
  // Before the service on the way out, also when the start fails half-way: the database waits for whoever still uses it.
  await using running = new AsyncDisposableStack()
  const peer =
    config.ROLE === 'all' && config.PEER === 'on'
      ? supervisePeer({ log, databaseUrl: service.databaseUrl, env: process.env })
      : undefined
  running.defer(() => peer?.stop())
  let devnet: Supervised | undefined
  running.defer(() => devnet?.stop())
  if (config.ROLE !== 'http') {
    const worker = await startWorker({ database: service.database, handlers: jobHandlers(service), log })
    running.defer(() => worker.stop())
    const { chain } = service
    const follower = chain && followChain({ ...service, chain })
    running.defer(() => follower?.stop())
  }
  if (config.ROLE === 'worker') {
    process.stdout.write('Keepsake is running jobs.\n')
    await stopped
  } else {
    const app = await createApp(service, await readBuildInfo(), peer?.trouble, () => devnet?.trouble())
    await app.listen({ port: config.PORT, host: config.HOST }).catch(async (error: unknown) => {
      await app.close()
      throw error
    })
    const address = app.server.address()
    const port = typeof address === 'object' && address ? address.port : config.PORT
    process.stdout.write(`${banner(urlOf(config, port))}\n`)
    if (config.ROLE === 'all' && config.FILECOIN_RPC === 'devnet') devnet = startDevnet(service, port)
    const link = await findSetUpLink(service, urlOf(config, port))
    if (link) log.warn({ link }, 'this server has no administrator yet; whoever opens this link becomes it, once')
    log.info({ reason: await stopped }, 'stopping')
    const cut = setTimeout(() => app.server.closeAllConnections(), drainMs)
    await app.close()
    clearTimeout(cut)
  }
}

try {
  const config = parseConfig(process.env)
  // The IPFS network's libraries take a second to load and 100 MiB, so only the process that needs them does it.
  if (config.ROLE === 'peer') await (await import('./peer/run.ts')).runPeer(config)
  else await serve(config)
} catch (error) {
  const isForOperator =
    error instanceof ConfigError || error instanceof KeepsakeError || (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
  const text = isForOperator ? (error as Error).message : (error as Error).stack
  process.stderr.write(`Keepsake cannot start: ${text}\n`)
  process.exitCode = 1
}
