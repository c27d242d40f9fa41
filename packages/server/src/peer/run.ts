import pino from 'pino'
import type { Config } from '../config.ts'
import { KeepsakeError } from '../errors.ts'
import { startWorker } from '../jobs/worker.ts'
import { networkJobHandlers } from '../network-job-handlers.ts'
import { openRequestFetcher } from '../pin-requests/fetcher.ts'
import { networkJobs } from '../pipeline.ts'
import { openService } from '../service.ts'
import { startPeer } from './peer.ts'

/** Connections to the database: some for jobs and heartbeat, the others look blocks up. */
const maxDatabaseConnections = 8

/** This process as the peer, until it is told to stop. Its messages to the process that started it, if one did: `ready`, or what is wrong. */
export async function runPeer(config: Config): Promise<void> {
  const log = pino({ level: config.LOG_LEVEL, base: { process: 'peer', pid: process.pid } }, pino.destination(2))
  const { promise: stopped, resolve: stop } = Promise.withResolvers<string>()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop(signal))
  // Whoever started it is gone, however that ended.
  process.on('disconnect', () => stop('the server is gone'))
  try {
    const ownConfig = { ...config, DATABASE_MAX_CONNECTIONS: Math.min(config.DATABASE_MAX_CONNECTIONS, maxDatabaseConnections) }
    await using service = await openService({ config: ownConfig, log, mode: 'beside' })
    await using peer = await startPeer(service)
    await using running = new AsyncDisposableStack()
    const fetcher = running.use(openRequestFetcher({ ...service, network: peer.network }))
    const handlers = networkJobHandlers(service, peer.network, { fetcher })
    const worker = await startWorker({ database: service.database, handlers, log, keepsClock: false })
    running.defer(() => worker.stop())
    // What became due while no peer ran has nobody to ask for it.
    for (const sweep of networkJobs) await service.facts.sweepAt(service.database, sweep, new Date())
    process.send?.({ ready: peer.peerId })
    log.info({ reason: await stopped }, 'stopping')
  } catch (error) {
    const text = error instanceof KeepsakeError ? error.message : String((error as Error).stack ?? error)
    log.error({ err: error }, 'the peer cannot go on')
    process.send?.({ failed: error instanceof KeepsakeError ? text : (error as Error).message })
    process.exitCode = 1
  }
  // Connections to strangers need not end in order.
  setTimeout(() => process.exit(), 2_000).unref()
}
