import type { KeyKind } from '@keepsake/filecoin/signature.ts'
import { sql } from 'kysely'
import type { Db } from '../../database/database.ts'

export interface WalletKeyRow {
  /** In binary. */
  address: Uint8Array
  kind: KeyKind
  sealed: Uint8Array
  isDefault: boolean
  createdAt: Date
}

const columns = sql.raw(`address, kind, sealed, is_default as "isDefault", created_at as "createdAt"`)

export async function listKeys({ kysely }: Db): Promise<WalletKeyRow[]> {
  const { rows } = await sql<WalletKeyRow>`select ${columns} from wallet_key order by created_at, address`.execute(kysely)
  return rows
}

/** Without an address, the default one. */
export async function findKey({ kysely }: Db, address?: Uint8Array): Promise<WalletKeyRow | undefined> {
  const which = address ? sql`address = ${address}` : sql`is_default`
  const { rows } = await sql<WalletKeyRow>`select ${columns} from wallet_key where ${which}`.execute(kysely)
  return rows[0]
}

/** Adds a key, the default one where there is none; one that is there stays as it is. */
export async function insertKey({ kysely }: Db, key: Pick<WalletKeyRow, 'address' | 'kind' | 'sealed'>): Promise<void> {
  await kysely.transaction().execute(async (transaction) => {
    // So that of two first keys one is the default.
    await sql`lock table wallet_key in share row exclusive mode`.execute(transaction)
    await sql`
      insert into wallet_key (address, kind, sealed, is_default)
      values (${key.address}, ${key.kind}, ${key.sealed}, not exists (select from wallet_key where is_default))
      on conflict (address) do nothing`.execute(transaction)
  })
}

export async function clearDefault({ kysely }: Db): Promise<void> {
  await sql`update wallet_key set is_default = false where is_default`.execute(kysely)
}

export async function markDefault({ kysely }: Db, address: Uint8Array): Promise<void> {
  await sql`update wallet_key set is_default = true where address = ${address}`.execute(kysely)
}
