import type { Db } from '../database/database.ts'

export interface PasskeyRow {
  id: number
  userId: number
  credentialId: Uint8Array
  publicKey: Uint8Array
  counter: number
  transports: string[]
}

const columns = [
  'id',
  'user_id as userId',
  'credential_id as credentialId',
  'public_key as publicKey',
  'counter',
  'transports',
] as const

export interface NewPasskey extends Omit<PasskeyRow, 'id'> {
  name: string
  isBackedUp: boolean
}

/** Undefined where the credential is registered already, for whomever. */
export async function insertPasskey({ kysely }: Db, passkey: NewPasskey): Promise<number | undefined> {
  const { userId, credentialId, publicKey, counter, transports, name, isBackedUp } = passkey
  const row = await kysely
    .insertInto('passkey')
    .values({
      user_id: userId,
      credential_id: credentialId,
      public_key: publicKey,
      counter,
      transports,
      name,
      is_backed_up: isBackedUp,
    })
    .onConflict((oc) => oc.doNothing())
    .returning('id')
    .executeTakeFirst()
  return row?.id
}

export async function findPasskey({ kysely }: Db, credentialId: Uint8Array): Promise<PasskeyRow | undefined> {
  return await kysely.selectFrom('passkey').select(columns).where('credential_id', '=', credentialId).executeTakeFirst()
}

export async function listPasskeys({ kysely }: Db, userId: number): Promise<PasskeyRow[]> {
  return await kysely.selectFrom('passkey').select(columns).where('user_id', '=', userId).orderBy('id').execute()
}

/** Notes a use. False where the counter did not grow: somebody else used it in the same moment, or a copy of it. */
export async function usePasskey({ kysely }: Db, id: number, counter: number, isBackedUp: boolean): Promise<boolean> {
  const done = await kysely
    .updateTable('passkey')
    .set({ counter, is_backed_up: isBackedUp, last_used_at: new Date() })
    .where('id', '=', id)
    .where((eb) => eb.or([eb('counter', '<', counter), eb.and([eb('counter', '=', 0), eb.lit(counter === 0)])]))
    .executeTakeFirst()
  return done.numUpdatedRows === 1n
}

/** False where this user has no such passkey. */
export async function renamePasskeyRow({ kysely }: Db, userId: number, id: number, name: string): Promise<boolean> {
  const done = await kysely
    .updateTable('passkey')
    .set({ name })
    .where('id', '=', id)
    .where('user_id', '=', userId)
    .executeTakeFirst()
  return done.numUpdatedRows === 1n
}
