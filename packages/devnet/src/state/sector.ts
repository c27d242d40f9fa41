import { decodeSectorInfo } from '@keepsake/filecoin/actors/miner.ts'
import { bigInt, readBigInt } from '@keepsake/filecoin/big-int.ts'
import { CborReader } from '@keepsake/filecoin/cbor/reader.ts'
import { encode, integer, link, nothing, tuple } from '@keepsake/filecoin/cbor/writer.ts'
import type { CID } from 'multiformats/cid'
import { DEVNET_PROOF } from '../messages/proof-types.ts'

export interface SectorOnChain {
  sector: number
  sealedCid: CID
  activation: number
  expiration: number
  /** Space of its deals times their time. */
  dealWeight: bigint
}

/** The form of actors v13: 15 fields. No deals in it: those stand in the market. */
export function encodeSectorOnChain({ sector, sealedCid, activation, expiration, dealWeight }: SectorOnChain): Uint8Array {
  const nil = bigInt(0n)
  return encode(
    tuple(
      integer(sector),
      integer(DEVNET_PROOF),
      link(sealedCid),
      tuple(),
      integer(activation),
      integer(expiration),
      bigInt(dealWeight),
      nil,
      nil,
      nil,
      nil,
      integer(activation),
      nil,
      nothing(),
      integer(0),
    ),
  )
}

export function decodeSectorOnChain(bytes: Uint8Array): SectorOnChain {
  const { sector, sealedCid, activation, expiration } = decodeSectorInfo(bytes)
  const reader = new CborReader(bytes)
  reader.readTuple(15, 'A sector')
  for (let before = 0; before < 6; before++) reader.skip()
  return { sector, sealedCid, activation, expiration, dealWeight: readBigInt(reader) }
}
