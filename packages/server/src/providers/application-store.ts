import { sql } from 'kysely'
import type { Db } from '../database/database.ts'
import type { Application, ApplicationState } from './application.ts'
import type { ProviderDetails } from './providers.ts'

const columns = sql`id, network, actor_id as "actorId", name, organisation, city, country, continent, retrieval_url as "retrievalUrl", place,
  asked_at as "askedAt", state, decided_at as "decidedAt", decided_by as "decidedBy", because`

export interface NewApplication extends ProviderDetails {
  network: string
  actorId: number
  place: string
  requestId: string
}

/** Adds one that waits, or changes the one of that provider that waits already. */
export async function upsertWaiting({ kysely }: Db, application: NewApplication): Promise<Application> {
  const { network, actorId, name, organisation, city, country, continent, retrievalUrl, place, requestId } = application
  const { rows } = await sql<Application>`
    insert into provider_application (network, actor_id, name, organisation, city, country, continent, retrieval_url, place, request_id)
    values (${network}, ${actorId}, ${name}, ${organisation}, ${city}, ${country}, ${continent}, ${retrievalUrl}, ${place}, ${requestId})
    on conflict (network, actor_id) where state = 'waiting' do update set name = excluded.name, organisation = excluded.organisation,
      city = excluded.city, country = excluded.country, continent = excluded.continent, retrieval_url = excluded.retrieval_url,
      place = excluded.place, request_id = excluded.request_id, asked_at = clock_timestamp()
    returning ${columns}`.execute(kysely)
  return rows[0] as Application
}

/** The last thing a provider asked for. */
export async function findApplication({ kysely }: Db, network: string, actorId: number): Promise<Application | undefined> {
  const { rows } = await sql<Application>`
    select ${columns} from provider_application where network = ${network} and actor_id = ${actorId} order by id desc limit 1`.execute(
    kysely,
  )
  return rows[0]
}

/** How many of others wait: at all, and from one place. */
export async function countOthersWaiting(
  { kysely }: Db,
  { network, actorId, place }: { network: string; actorId: number; place: string },
): Promise<{ total: number; fromPlace: number }> {
  const { rows } = await sql<{ total: number; fromPlace: number }>`
    select count(*)::int as total, (count(*) filter (where place = ${place}))::int as "fromPlace"
    from provider_application where network = ${network} and state = 'waiting' and actor_id <> ${actorId}`.execute(kysely)
  return rows[0] ?? { total: 0, fromPlace: 0 }
}

/** Those that wait, the oldest first; then what was decided, the newest first. */
export async function listApplications(
  { kysely }: Db,
  { network, state, limit }: { network: string; state?: ApplicationState | undefined; limit: number },
): Promise<Application[]> {
  const { rows } = await sql<Application>`
    select ${columns} from provider_application where network = ${network} and ${state === undefined ? sql`true` : sql`state = ${state}`}
    order by state <> 'waiting', case when state = 'waiting' then asked_at end, decided_at desc, id limit ${limit}`.execute(
    kysely,
  )
  return rows
}

export async function updateDecided(
  { kysely }: Db,
  id: number,
  { state, by, because }: { state: 'approved' | 'declined'; by: string; because: string | null },
): Promise<void> {
  await sql`update provider_application set state = ${state}, decided_at = clock_timestamp(), decided_by = ${by}, because = ${because}
    where id = ${id}`.execute(kysely)
}

/** Forgets what was decided before then. */
export async function forgetApplications({ kysely }: Db, before: Date): Promise<void> {
  await sql`delete from provider_application where state <> 'waiting' and decided_at < ${before}`.execute(kysely)
}
