import { encodeAddress, idAddress } from '@keepsake/filecoin/address.ts'
import { bigInt, readBigInt } from '@keepsake/filecoin/big-int.ts'
import type { GetBlock, PutBlock } from '@keepsake/filecoin/blocks.ts'
import { decodeAll } from '@keepsake/filecoin/cbor/reader.ts'
import { encode } from '@keepsake/filecoin/cbor/writer.ts'
import { hamtEntries } from '@keepsake/filecoin/hamt.ts'
import { buildHamt } from '@keepsake/filecoin/hamt-build.ts'
import type { CID } from 'multiformats/cid'
import { idOfBytes } from './keys.ts'

/** Amounts in attoFIL by the number of an actor; none is zero. */
export type Balances = Map<number, bigint>

export function addTo(balances: Balances, id: number, amount: bigint): void {
  const sum = (balances.get(id) ?? 0n) + amount
  if (sum === 0n) balances.delete(id)
  else balances.set(id, sum)
}

export function saveBalances(put: PutBlock, balances: Balances): CID {
  const entries = Array.from(balances, ([id, amount]) => ({ key: encodeAddress(idAddress(id)), value: encode(bigInt(amount)) }))
  return buildHamt(put, entries)
}

export async function loadBalances(get: GetBlock, root: CID): Promise<Balances> {
  const balances: Balances = new Map()
  for await (const { key, value } of hamtEntries(get, root)) balances.set(idOfBytes(key), decodeAll(value, readBigInt))
  return balances
}
