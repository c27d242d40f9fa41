import type { Check, Nft } from '@keepsake/api/nft.ts'
import type { Caller } from '../accounts/authenticate.ts'
import { requireWithinLimits } from '../accounts/storage-limit.ts'
import type { Db } from '../database/database.ts'
import type { UploadType } from '../database/schema.ts'
import { KeepsakeError } from '../errors.ts'
import { parseCid, storedSpelling } from './cid-spelling.ts'
import type { Deals, FindDeals } from './deals.ts'
import { toPin, toPins } from './standing.ts'
import type { UploadRow } from './store.ts'
import { findContent, findHolders, findUpload, markDeleted, markManyDeleted, renameUpload, unmarkDeleted } from './store.ts'

interface Components {
  database: Db
}

interface ReadComponents extends Components {
  findDeals: FindDeals
}

/** What the API calls each type; for the others it is the media type that was sent. */
const typeNames: Partial<Record<UploadType, string>> = { Nft: 'nft', Multipart: 'directory', Remote: 'remote' }

/** An upload as the API shows it, under the spelling of the CID that was asked for. */
export function toNft(row: UploadRow, cid: string = row.sourceCid, deals: Deals = []): Nft {
  const size = row.dagBytes ?? 0
  const standing = { ...row, createdAt: row.contentCreatedAt }
  return {
    cid,
    created: row.createdAt.toISOString(),
    type: typeNames[row.type] ?? row.mimeType,
    scope: row.scope,
    files: row.type === 'Remote' ? null : row.files,
    size,
    name: row.name,
    parts: row.parts,
    pin: { ...toPin(cid, standing), size },
    pins: toPins(standing),
    deals,
  }
}

function notFound(): KeepsakeError {
  return new KeepsakeError('NOT_FOUND', 'NFT not found')
}

/** @throws KeepsakeError `ERROR_INVALID_CID`, `NOT_FOUND` */
export async function getUpload({ database, findDeals }: ReadComponents, userId: number, cid: string): Promise<Nft> {
  const row = await findUpload(database, userId, storedSpelling(cid))
  if (!row) throw notFound()
  return toNft(row, storedSpelling(cid), (await findDeals([row.contentId])).get(row.contentId))
}

/** Which of the users hold which of the contents, by user, under the CIDs they stored them with; also what they deleted lately. */
export async function listHolders(
  db: Db,
  wanted: { contentIds: readonly number[]; userIds: readonly number[] },
): Promise<Map<number, string[]>> {
  const cidsOf = new Map<number, string[]>()
  for (const { userId, sourceCid } of await findHolders(db, wanted)) {
    const cids = cidsOf.get(userId)
    if (cids) cids.push(sourceCid)
    else cidsOf.set(userId, [sourceCid])
  }
  return cidsOf
}

/** What anybody may know. @throws KeepsakeError `ERROR_INVALID_CID`, `NOT_FOUND` */
export async function checkContent({ database, findDeals }: ReadComponents, cid: string): Promise<Check> {
  const standing = await findContent(database, parseCid(cid))
  if (!standing) throw notFound()
  const deals = (await findDeals([standing.id])).get(standing.id) ?? []
  const givenUp = standing.isGivenUp ? { status: 'failed' as const } : {}
  const pin = { ...toPin(storedSpelling(cid), standing), ...givenUp }
  const pins = toPins(standing).map((entry) => ({ ...entry, ...givenUp }))
  return { cid: storedSpelling(cid), pin, pins, deals }
}

/** The upload disappears from its owner's list at once; the content stays for whoever else holds it. */
export async function deleteUpload({ database }: Components, userId: number, cid: string): Promise<void> {
  if (!(await markDeleted(database, userId, storedSpelling(cid)))) throw notFound()
}

/** Most uploads deleted or brought back in one call: one transaction, and an answer that is read at once. */
const maxAtOnce = 1_000

function storedSpellings(cids: readonly string[]): string[] {
  if (cids.length > maxAtOnce)
    throw new KeepsakeError('BAD_REQUEST', `At most ${maxAtOnce} CIDs in one call, got ${cids.length}.`)
  return cids.map((cid) => storedSpelling(cid))
}

/** Deletes many. Gives those that were there. @throws KeepsakeError `BAD_REQUEST`, `ERROR_INVALID_CID` */
export async function deleteUploads({ database }: Components, userId: number, cids: readonly string[]): Promise<string[]> {
  return await markManyDeleted(database, userId, storedSpellings(cids))
}

/**
 * Brings back what was deleted, where the collector has not forgotten it yet. Gives those that are back.
 *
 * @throws KeepsakeError `BAD_REQUEST`, `ERROR_INVALID_CID`, `ERROR_STORAGE_LIMIT`
 */
export async function restoreUploads({ database }: Components, caller: Caller, cids: readonly string[]): Promise<string[]> {
  const spellings = storedSpellings(cids)
  return await database.kysely.transaction().execute(async (kysely) => {
    const restored = await unmarkDeleted({ kysely }, caller.userId, spellings)
    await requireWithinLimits({ kysely }, [caller])
    return restored
  })
}

export const maxNameLength = 1024

/** @throws KeepsakeError `ERROR_INVALID_NAME`, `NOT_FOUND` */
export async function renameOwnUpload(components: ReadComponents, userId: number, cid: string, name: unknown): Promise<Nft> {
  const spelling = storedSpelling(cid)
  if (!(await renameUpload(components.database, userId, spelling, checkName(name)))) throw notFound()
  return await getUpload(components, userId, cid)
}

/** @throws KeepsakeError `ERROR_INVALID_NAME` */
export function checkName(name: unknown): string {
  if (typeof name !== 'string' || name.trim() === '')
    throw new KeepsakeError('ERROR_INVALID_NAME', 'Expected a name that is not empty.')
  if (name.length > maxNameLength) {
    throw new KeepsakeError(
      'ERROR_INVALID_NAME',
      `The name is too long: at most ${maxNameLength} characters, got ${name.length}.`,
    )
  }
  if (name.includes('\0')) throw new KeepsakeError('ERROR_INVALID_NAME', 'The name holds a NUL character.')
  return name
}
