import { type RawBuilder, sql } from 'kysely'
import type { Db } from '../database/database.ts'
import { KeepsakeError } from '../errors.ts'
import type { Provider, ProviderDetails } from './providers.ts'

const columns = sql`id, network, actor_id as "actorId", name, organisation, city, country, continent, state, suspended_because as "suspendedBecause",
  retrieval_url as "retrievalUrl", created_at as "createdAt"`

async function select({ kysely }: Db, where: RawBuilder<unknown>): Promise<Provider[]> {
  return (await sql<Provider>`select ${columns} from provider where ${where} order by actor_id`.execute(kysely)).rows
}

/** Every provider of a network; there are hundreds at most. */
export async function selectProviders(db: Db, network: string): Promise<Provider[]> {
  return await select(db, sql`network = ${network}`)
}

export async function selectProvider(db: Db, network: string, actorId: number): Promise<Provider | undefined> {
  return (await select(db, sql`network = ${network} and actor_id = ${actorId}`))[0]
}

/** Undefined where there is one of that number already. */
export async function insertProvider(
  { kysely }: Db,
  network: string,
  actorId: number,
  details: ProviderDetails,
): Promise<Provider | undefined> {
  const { name, organisation, city, country, continent, retrievalUrl } = details
  const { rows } = await sql<Provider>`
    insert into provider (network, actor_id, name, organisation, city, country, continent, retrieval_url)
    values (${network}, ${actorId}, ${name}, ${organisation}, ${city}, ${country}, ${continent}, ${retrievalUrl})
    on conflict (network, actor_id) do nothing returning ${columns}`.execute(kysely)
  return rows[0]
}

export async function updateProvider(
  { kysely }: Db,
  id: number,
  change: Partial<ProviderDetails> & { state?: 'active' | 'suspended'; suspendedBecause?: string | null },
): Promise<void> {
  const { retrievalUrl, suspendedBecause, ...same } = change
  await kysely
    .updateTable('provider')
    .set({
      ...same,
      ...(retrievalUrl !== undefined && { retrieval_url: retrievalUrl }),
      ...(suspendedBecause !== undefined && { suspended_because: suspendedBecause }),
      changed_at: sql<Date>`clock_timestamp()`,
    })
    .where('id', '=', id)
    .execute()
}

/** "port" in ASCII: the advisory lock under which pieces are given out, one at a time. */
const requestLock = 0x706f7274
/** Requests take milliseconds; whoever waits so long waits for something that hangs. */
const lockTimeoutMs = 10_000
/** What PostgreSQL calls that. */
const lockNotAvailable = '55P03'

/** Held to the end of the transaction. @throws KeepsakeError `ERROR_UNAVAILABLE` where it cannot be had in time */
export async function lockRequests({ kysely }: Db): Promise<void> {
  await sql`select set_config('lock_timeout', ${`${lockTimeoutMs}ms`}, true)`.execute(kysely)
  try {
    await sql`select pg_advisory_xact_lock(${requestLock}::bigint)`.execute(kysely)
  } catch (error) {
    if ((error as { code?: string }).code !== lockNotAvailable) throw error
    throw new KeepsakeError('ERROR_UNAVAILABLE', 'Other requests are being answered; try again in a moment.', { cause: error })
  }
}
