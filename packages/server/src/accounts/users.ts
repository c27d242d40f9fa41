import { randomUUID } from 'node:crypto'
import type { Db } from '../database/database.ts'
import { KeepsakeError } from '../errors.ts'
import { publicKeyOfDid } from './did.ts'
import { parseEmailAddress } from './sign-in/email-address.ts'
import type { ListedUser, UserRow } from './store.ts'
import { findUserByEmail, insertUser, listUsersAfter, setUserDid } from './store.ts'

export type User = UserRow
export type { ListedUser } from './store.ts'

interface Components {
  database: Db
}

/** @throws KeepsakeError `BAD_REQUEST` for what is no e-mail address, `CONFLICT` where it has an account already. */
export async function createUser({ database }: Components, input: { email: string; name?: string }): Promise<User> {
  const email = parseEmailAddress(input.email)
  const user = await insertUser(database, { subject: `keepsake:${randomUUID()}`, email, name: input.name ?? null })
  if (!user) throw new KeepsakeError('CONFLICT', `${email} has an account already.`)
  return user
}

const listedAtOnce = 1000

/** Every user, the oldest first. */
export async function* listUsers({ database }: Components): AsyncGenerator<ListedUser> {
  for (let after = 0; ; ) {
    const page = await listUsersAfter(database, after, listedAtOnce)
    yield* page
    const last = page.at(-1)
    if (last === undefined || page.length < listedAtOnce) return
    after = last.id
  }
}

/** @throws KeepsakeError `NOT_FOUND` */
export async function getUserByEmail({ database }: Components, email: string): Promise<User> {
  const user = await findUserByEmail(database, email.trim())
  if (!user) throw new KeepsakeError('NOT_FOUND', `There is no user ${email}. Create one with: keepsake users create ${email}`)
  return user
}

/** Registers the DID whose UCANs act for a user. One DID per user, and each only once. */
export async function registerDid({ database }: Components, userId: number, did: string): Promise<string> {
  publicKeyOfDid(did)
  if (!(await setUserDid(database, userId, did))) throw new KeepsakeError('CONFLICT', 'Another user has registered this DID.')
  return did
}

/** The account that uploads without an account belong to, made when first needed. */
export async function getServiceUser({ database }: Components, service: 'metaplex'): Promise<User> {
  const email = `${service}@service.invalid`
  const known = await findUserByEmail(database, email)
  if (known) return known
  await insertUser(database, { subject: `keepsake:service:${service}`, email, name: service })
  return await getUserByEmail({ database }, email)
}
