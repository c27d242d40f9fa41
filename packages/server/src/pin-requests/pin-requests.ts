import { randomUUID } from 'node:crypto'
import type { RemotePinQuery, RemotePinResults, RemotePinStatus } from '@keepsake/api/pinning.ts'
import type { Caller } from '../accounts/authenticate.ts'
import { requireNotFull } from '../accounts/storage-limit.ts'
import type { Config } from '../config.ts'
import type { Db } from '../database/database.ts'
import { KeepsakeError } from '../errors.ts'
import type { Facts } from '../jobs/facts.ts'
import type { FindDelegates } from './delegates.ts'
import type { WantedPin } from './parse-pin.ts'
import { parsePin } from './parse-pin.ts'
import { parsePinQuery } from './parse-query.ts'
import { settleRequest } from './settle.ts'
import { toPinStatus } from './status.ts'
import type { PinRequestRow } from './store.ts'
import {
  countOpen,
  countRequests,
  ensureContent,
  findRequest,
  insertRequest,
  listRequests,
  lockAccount,
  releaseRequest,
} from './store.ts'

export interface PinRequestComponents {
  config: Config
  database: Db
  facts: Facts
  findDelegates: FindDelegates
}

/** Requests of an account that may wait or be fetched at the same time. */
export const maxOpenRequests = 50_000

const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

function notFound(): KeepsakeError {
  return new KeepsakeError('NOT_FOUND', 'There is no such pin request.')
}

/** Ids that are not ours are unknown ones. */
function checkId(id: string): string {
  if (!uuidPattern.test(id)) throw notFound()
  return id.toLowerCase()
}

/** An account that may not store may not have others' content stored either. */
function requireMayPin({ uploadsRestricted }: Caller): void {
  if (uploadsRestricted) throw new KeepsakeError('ERROR_ACCOUNT_RESTRICTED', 'This account may not upload or pin.')
}

function requireMayUnpin({ deletesRestricted }: Caller): void {
  if (deletesRestricted) throw new KeepsakeError('ERROR_DELETE_RESTRICTED', 'This account may not delete.')
}

/** Shows a request; one that waits for what is here by now is pinned first. */
async function show(components: PinRequestComponents, row: PinRequestRow): Promise<RemotePinStatus> {
  const isDue = row.isComplete && (row.status === 'queued' || row.status === 'pinning')
  const current =
    isDue && (await settleRequest(components, row)) ? await findRequest(components.database, row.userId, row.id) : row
  if (!current) throw notFound()
  return toPinStatus(current, await components.findDelegates())
}

async function enter(
  components: PinRequestComponents,
  caller: Caller,
  wanted: WantedPin,
  replaced?: string,
): Promise<RemotePinStatus> {
  const { database, facts, config } = components
  const id = randomUUID()
  await database.kysely.transaction().execute(async (kysely) => {
    const db = { kysely }
    await lockAccount(db, caller.userId)
    if (replaced !== undefined && !(await findRequest(db, caller.userId, replaced))) throw notFound()
    if (replaced === undefined) await requireNotFull(db, caller, 'nothing more can be pinned')
    if ((await countOpen(db, caller.userId)) >= maxOpenRequests)
      throw new KeepsakeError('ERROR_RATE_LIMITED', `This account has ${maxOpenRequests} pins under way already; wait for some.`)
    const content = await ensureContent(db, wanted.root)
    await insertRequest(db, {
      id,
      userId: caller.userId,
      contentId: content.id,
      wanted,
      giveUpAfterMs: config.PIN_GIVE_UP_MINUTES * 60_000,
    })
    // After the new one is there, so that what both hold stays counted.
    if (replaced !== undefined) await releaseRequest(db, replaced, { deleted: true })
    if (!content.isComplete) await facts.record(db, 'pin:requested', { requestId: id })
  })
  const row = await findRequest(database, caller.userId, id)
  if (!row) throw notFound()
  return await show(components, row)
}

/**
 * Takes a request to keep a DAG. What is here already is pinned at once; all else is fetched.
 *
 * @throws KeepsakeError `BAD_REQUEST`, `ERROR_INVALID_CID`, `ERROR_STORAGE_LIMIT`, `ERROR_ACCOUNT_RESTRICTED`, `ERROR_RATE_LIMITED`
 */
export async function addPinRequest(components: PinRequestComponents, caller: Caller, body: unknown): Promise<RemotePinStatus> {
  requireMayPin(caller)
  return await enter(components, caller, parsePin(body))
}

/** Puts a new request in the place of one, in one step. @throws KeepsakeError as `addPinRequest`, and `NOT_FOUND` */
export async function replacePinRequest(
  components: PinRequestComponents,
  caller: Caller,
  id: string,
  body: unknown,
): Promise<RemotePinStatus> {
  requireMayPin(caller)
  requireMayUnpin(caller)
  return await enter(components, caller, parsePin(body), checkId(id))
}

/** @throws KeepsakeError `NOT_FOUND` */
export async function getPinRequest(components: PinRequestComponents, caller: Caller, id: string): Promise<RemotePinStatus> {
  const row = await findRequest(components.database, caller.userId, checkId(id))
  if (!row) throw notFound()
  return await show(components, row)
}

/** A page of an account's requests, newest first. @throws KeepsakeError `BAD_REQUEST`, `ERROR_INVALID_CID` */
export async function listPinRequests(
  { database, findDelegates }: PinRequestComponents,
  caller: Caller,
  query: RemotePinQuery,
): Promise<RemotePinResults> {
  const filter = parsePinQuery(query)
  const [rows, count, delegates] = await Promise.all([
    listRequests(database, caller.userId, filter),
    countRequests(database, caller.userId, filter),
    findDelegates(),
  ])
  return { count, results: rows.map((row) => toPinStatus(row, delegates)) }
}

/** Ends a request. Uploads and requests of others for the same content are not touched. @throws KeepsakeError `NOT_FOUND` */
export async function deletePinRequest({ database }: PinRequestComponents, caller: Caller, id: string): Promise<void> {
  requireMayUnpin(caller)
  await database.kysely.transaction().execute(async (kysely) => {
    const db = { kysely }
    await lockAccount(db, caller.userId)
    if (!(await findRequest(db, caller.userId, checkId(id)))) throw notFound()
    await releaseRequest(db, checkId(id), { deleted: true })
  })
}
