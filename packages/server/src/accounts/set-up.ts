import { randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import type { Db } from '../database/database.ts'
import { KeepsakeError } from '../errors.ts'
import { lockAdmins } from './sign-in/account-store.ts'
import { parseEmailAddress } from './sign-in/email-address.ts'
import { openSealedId, sealId } from './sign-in/sealed-id.ts'
import { findUserByEmail } from './store.ts'
import { createUser } from './users.ts'

interface Components {
  database: Db
  signInSecret: Uint8Array
}

const purpose = 'set-up'
const setUpMs = 7 * 86_400_000

/**
 * The link by which the first administrator is made, for whoever can read the log of a server that has none; undefined where there is
 * an administrator. While nobody uses it the link stays the same, also for other processes, for a week.
 */
export async function findSetUpLink({ database, signInSecret }: Components, publicUrl: string): Promise<string | undefined> {
  const id = await database.kysely.transaction().execute(async (kysely) => {
    await sql`lock table set_up in exclusive mode`.execute(kysely)
    if ((await lockAdmins({ kysely })).length > 0) return undefined
    const open = await kysely
      .selectFrom('set_up')
      .select('id')
      .where('used_at', 'is', null)
      .where('expires_at', '>', new Date())
      .executeTakeFirst()
    if (open) return open.id
    const made = randomBytes(16)
    await kysely
      .insertInto('set_up')
      .values({ id: made, expires_at: new Date(Date.now() + setUpMs) })
      .execute()
    return made
  })
  return id && `${publicUrl}/set-up#${sealId(signInSecret, purpose, id)}`
}

/**
 * Makes the first administrator. The link works once, and only while there is none.
 *
 * @throws KeepsakeError `ERROR_LINK_INVALID`, `ERROR_LINK_USED`, `ERROR_LINK_EXPIRED`, `BAD_REQUEST` for what is no e-mail address
 */
export async function setUp(
  { database, signInSecret }: Components,
  { token, email: written }: { token: string; email: string },
): Promise<number> {
  const id = openSealedId(signInSecret, purpose, token)
  if (!id) throw new KeepsakeError('ERROR_LINK_INVALID', 'This is not the link from the log of this server.')
  const email = parseEmailAddress(written)
  return await database.kysely.transaction().execute(async (kysely) => {
    await sql`lock table set_up in exclusive mode`.execute(kysely)
    const link = await kysely.selectFrom('set_up').select(['expires_at', 'used_at']).where('id', '=', id).executeTakeFirst()
    if (link?.used_at || (await lockAdmins({ kysely })).length > 0)
      throw new KeepsakeError('ERROR_LINK_USED', 'This server has an administrator already.')
    if (!link || link.expires_at.getTime() <= Date.now())
      throw new KeepsakeError('ERROR_LINK_EXPIRED', 'This link is too old; start the server again for another one.')
    await kysely.updateTable('set_up').set({ used_at: new Date() }).where('id', '=', id).execute()
    const user = (await findUserByEmail({ kysely }, email)) ?? (await createUser({ database: { kysely } }, { email }))
    await kysely.updateTable('user').set({ is_admin: true }).where('id', '=', user.userId).execute()
    return user.userId
  })
}
