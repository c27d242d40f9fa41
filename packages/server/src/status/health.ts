import { sql } from 'kysely'
import { checkAnnouncements } from '../announcements/check.ts'
import type { BlobStore } from '../blobs/blobs.ts'
import type { Chain } from '../chain/chain.ts'
import { devnetLabel } from '../chain/source.ts'
import type { Database } from '../database/database.ts'
import { countLivePools } from '../jobs/life-sign.ts'
import type { Mail } from '../mail/mail.ts'
import type { PinBackend } from '../pins/backend.ts'
import { checkFilecoin } from './filecoin-health.ts'
import type { PeerHealthComponents } from './peer-health.ts'
import { checkPeer, expectsPeer } from './peer-health.ts'

interface Components extends PeerHealthComponents {
  blobs: BlobStore
  /** Why the Filecoin devnet that this process started does not run. */
  devnetTrouble?: (() => string | undefined) | undefined
  /** Undefined where this server has nothing to do with Filecoin. */
  chain: Chain | undefined
}

export interface CheckResult {
  ok: boolean
  durationMs: number
  message?: string
}

export interface HealthReport {
  ok: boolean
  checks: Record<string, CheckResult>
}

/** A component that does not answer in this time is not healthy. */
const checkTimeoutMs = 5_000

async function timed(check: () => Promise<unknown>): Promise<CheckResult> {
  const startedAt = performance.now()
  const durationMs = () => Math.round((performance.now() - startedAt) * 10) / 10
  const { promise: timeout, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`no answer within ${checkTimeoutMs} ms`)), checkTimeoutMs)
  try {
    const note = await Promise.race([check(), timeout])
    return { ok: true, durationMs: durationMs(), ...(typeof note === 'string' && { message: note }) }
  } catch (error) {
    return { ok: false, durationMs: durationMs(), message: error instanceof Error ? error.message : String(error) }
  } finally {
    clearTimeout(timer)
  }
}

/** The same for whoever runs the server, with what it can do without for a while: a mail server that is away stops no upload. */
export async function checkComponents({
  mail,
  pinBackends,
  ...components
}: Components & {
  database: Database
  mail: Pick<Mail, 'check'> | undefined
  pinBackends: readonly Pick<PinBackend, 'name' | 'check'>[]
}): Promise<HealthReport> {
  const others = pinBackends.filter(({ name }) => name !== 'embedded')
  const [report, jobsResult, mailResult, announcements, ...pinResults] = await Promise.all([
    checkHealth(components),
    timed(() => checkJobs(components.database)),
    mail && timed(() => mail.check()),
    (await expectsPeer(components).catch(() => false)) ? timed(() => checkAnnouncements(components)) : undefined,
    ...others.map((backend) => timed(() => backend.check({ signal: AbortSignal.timeout(checkTimeoutMs) }))),
  ])
  const checks = {
    ...report.checks,
    jobs: jobsResult,
    ...(mailResult && { mail: mailResult }),
    ...(announcements && { announcements }),
    ...Object.fromEntries(others.map(({ name }, index) => [`pins: ${name}`, pinResults[index] as CheckResult])),
  }
  return { ok: Object.values(checks).every(({ ok }) => ok), checks }
}

/** Whether anybody runs jobs: with `ROLE=http` alone, nothing that is not done in a request ever happens. */
async function checkJobs(database: Database): Promise<string> {
  const count = await countLivePools(database)
  if (count === 0) throw new Error('no process runs jobs (ROLE=worker or ROLE=all)')
  return count === 1 ? 'one process runs them' : `${count} processes run them`
}

function checkDevnet(trouble: string | undefined): string {
  if (trouble !== undefined) throw new Error(trouble)
  return devnetLabel
}

/**
 * Whether this process can store and read right now: tried, not assumed. Without the peer, the devnet or the chain it can; those are told of, and `ok` does not
 * depend on it, or a load balancer would turn uploads away for it.
 */
export async function checkHealth({ blobs, devnetTrouble, chain, ...components }: Components): Promise<HealthReport> {
  const { config, database } = components
  const expectsDevnet = devnetTrouble && config.ROLE === 'all' && config.FILECOIN_RPC === 'devnet'
  const [databaseResult, blobsResult, peerResult, devnetResult, filecoinResult] = await Promise.all([
    timed(async () => {
      const { rows } = await sql<{
        writable: boolean
      }>`select not pg_is_in_recovery() and not current_setting('transaction_read_only')::boolean as writable`.execute(
        database.kysely,
      )
      if (!rows[0]?.writable) throw new Error('the database takes no writes')
    }),
    timed(() => blobs.check()),
    expectsPeer(components).then(
      (expected) => (expected ? timed(() => checkPeer(components)) : undefined),
      // Said by the check of the database.
      () => undefined,
    ),
    expectsDevnet ? timed(async () => checkDevnet(devnetTrouble())) : undefined,
    chain && timed(() => checkFilecoin({ database, chain })),
  ])
  const checks = {
    database: databaseResult,
    blobs: blobsResult,
    ...(peerResult && { peer: peerResult }),
    ...(devnetResult && { devnet: devnetResult }),
    ...(filecoinResult && { filecoin: filecoinResult }),
  }
  return { ok: databaseResult.ok && blobsResult.ok, checks }
}
