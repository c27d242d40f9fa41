import { paddedBytes } from '@keepsake/content/piece/piece.ts'
import { sql } from 'kysely'
import type { Db } from '../database/database.ts'
import type { Refusal } from './refusals.ts'

/** What bounds how much can be promised to storage providers beside the rules of replication. */
export interface Backing {
  /**
   * DataCap that the client has on the chain, in padded bytes; undefined where its deals need none.
   *
   * @throws KeepsakeError `ERROR_UNAVAILABLE` where the node does not say
   */
  dataCapBytes(): Promise<bigint | undefined>
}

/** DataCap, and how much of it is taken by proposals that can be published any time. */
export interface DataCap {
  bytes: bigint
  promisedBytes: bigint
}

/** Undefined where none is needed. `before`: of what is only reserved, what was so before this deal. */
export async function dataCapOn(
  db: Db,
  network: string,
  bytes: bigint | undefined,
  { before }: { before?: number } = {},
): Promise<DataCap | undefined> {
  return bytes === undefined ? undefined : { bytes, promisedBytes: await sumPromised(db, network, before) }
}

/** What the chain takes of DataCap when a deal is published is not taken before. */
async function sumPromised({ kysely }: Db, network: string, before: number | undefined): Promise<bigint> {
  const { rows } = await sql<{ bytes: string }>`
    select coalesce(sum(32 * 2 ^ a.piece_height), 0)::numeric::text as bytes
    from deal d join provider p on p.id = d.provider_id join aggregate a on a.id = d.aggregate_id
    where p.network = ${network} and (d.state in ('proposed', 'delivered')
      or d.state = 'reserved' and (${before ?? null}::bigint is null or d.id < ${before ?? null}::bigint))`.execute(kysely)
  return BigInt(rows[0]?.bytes ?? 0)
}

/** Padded bytes of the largest piece that is backed; never negative. */
export function leftOf({ bytes, promisedBytes }: DataCap): number {
  return bytes > promisedBytes ? Number(bytes - promisedBytes) : 0
}

/** What of it there is, for people. */
export function dataCapLine({ bytes, promisedBytes }: DataCap): string {
  const promised = promisedBytes > 0n ? `, of which ${promisedBytes} are promised to others already` : ''
  return bytes === 0n
    ? 'The key that signs deals here has no DataCap, and verified deals need it.'
    : `The key that signs deals here has ${bytes} bytes of DataCap for verified deals${promised}.`
}

/** Why a piece cannot be promised; undefined where it can. `height`: of the piece. */
export function backingRefusal(dataCap: DataCap | undefined, height: number): Refusal | undefined {
  const sizeBytes = paddedBytes(height)
  if (!dataCap || sizeBytes <= leftOf(dataCap)) return undefined
  return { code: 4022, line: `${dataCapLine(dataCap)} The piece takes ${sizeBytes}.` }
}
