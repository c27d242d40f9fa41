import type { Database, Db } from '../database/database.ts'
import { KeepsakeError } from '../errors.ts'
import type { Application } from './application.ts'
import { countOthersWaiting, findApplication, type NewApplication, updateDecided, upsertWaiting } from './application-store.ts'
import { addressOf, checkDetails, type Provider, type ProviderDetails } from './providers.ts'
import type { Refusal } from './refusals.ts'
import { findProvider, registerProvider } from './registered.ts'
import { lockRequests } from './store.ts'

export { findApplication, forgetApplications, listApplications } from './application-store.ts'

/** Most that wait: a person has to read them. */
const maxWaiting = 200
/** Of different providers from one place: an organisation may have several. */
const maxWaitingFromPlace = 10
/** After it was declined a provider may ask again. */
const restDays = 7
const dayMs = 24 * 3_600_000

type Asking = Omit<NewApplication, keyof ProviderDetails> & { details: ProviderDetails }

export interface ApplicationOutcome {
  /** Why not; none where it waits now. */
  refusals: Refusal[]
  application: Application | null
}

/**
 * Asks for a provider that has shown who it is. One that waits already is changed. `finish` runs in the same transaction.
 *
 * @throws KeepsakeError `BAD_REQUEST` for details that are missing or make no sense; `CONFLICT` where it is registered; `ERROR_RATE_LIMITED` where too many wait
 */
export async function applyForRegistration(
  database: Pick<Database, 'kysely'>,
  { details, ...asking }: Asking,
  finish: (db: Db, outcome: ApplicationOutcome) => Promise<void>,
): Promise<ApplicationOutcome> {
  const { network, actorId } = asking
  const checked = checkDetails(details) as ProviderDetails
  return await database.kysely.transaction().execute(async (kysely) => {
    const db = { kysely }
    await lockRequests(db)
    if (await findProvider(db, network, actorId))
      throw new KeepsakeError('CONFLICT', `${addressOf({ actorId })} is registered on ${network} already.`)
    const refusals = restingRefusals(await findApplication(db, network, actorId))
    if (refusals.length === 0) await checkRoom(db, asking)
    const application = refusals.length > 0 ? null : await upsertWaiting(db, { ...asking, ...checked })
    const outcome = { refusals, application }
    await finish(db, outcome)
    return outcome
  })
}

function restingRefusals(last: Application | undefined): Refusal[] {
  if (last?.state !== 'declined' || !last.decidedAt) return []
  const again = new Date(last.decidedAt.getTime() + restDays * dayMs)
  if (again.getTime() <= Date.now()) return []
  const because = last.because ? ` (${last.because})` : ''
  return [{ code: 4030, line: `The operator declined to register this provider${because}; ask again at ${again.toISOString()}.` }]
}

async function checkRoom(db: Db, { network, actorId, place }: Omit<Asking, 'details'>): Promise<void> {
  const { total, fromPlace } = await countOthersWaiting(db, { network, actorId, place })
  if (fromPlace >= maxWaitingFromPlace)
    throw new KeepsakeError(
      'ERROR_RATE_LIMITED',
      `${fromPlace} providers that asked from ${place} wait to be registered; that is the most. Wait until the operator has decided.`,
    )
  if (total >= maxWaiting)
    throw new KeepsakeError(
      'ERROR_RATE_LIMITED',
      `${total} providers wait to be registered; that is the most. Ask again when the operator has decided about some.`,
    )
}

interface Decision {
  network: string
  actorId: number
  /** Who decides, for people. */
  by: string
}

/** Registers the provider with what it said of itself. @throws KeepsakeError `NOT_FOUND` where it did not ask; `CONFLICT` */
export async function approveApplication(
  database: Pick<Database, 'kysely'>,
  { network, actorId, by }: Decision,
): Promise<Provider> {
  return await database.kysely.transaction().execute(async (kysely) => {
    const waiting = await lockWaiting({ kysely }, network, actorId)
    const { name, organisation, city, country, continent, retrievalUrl } = waiting
    const details = { name, organisation, city, country, continent, retrievalUrl }
    const provider = await registerProvider({ kysely }, network, actorId, details)
    await updateDecided({ kysely }, waiting.id, { state: 'approved', by, because: null })
    return provider
  })
}

/** @throws KeepsakeError `NOT_FOUND` where it did not ask */
export async function declineApplication(
  database: Pick<Database, 'kysely'>,
  { network, actorId, by, because }: Decision & { because: string },
): Promise<void> {
  await database.kysely.transaction().execute(async (kysely) => {
    const { id } = await lockWaiting({ kysely }, network, actorId)
    await updateDecided({ kysely }, id, { state: 'declined', by, because: because.trim() || null })
  })
}

async function lockWaiting(db: Db, network: string, actorId: number): Promise<Application> {
  await lockRequests(db)
  const last = await findApplication(db, network, actorId)
  if (last?.state === 'waiting') return last
  throw new KeepsakeError('NOT_FOUND', `${addressOf({ actorId })} does not wait to be registered on ${network}.`)
}
