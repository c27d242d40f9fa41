import { type Bitfield, decodeBitfield, encodeBitfield } from '@keepsake/filecoin/bitfield.ts'
import { decodeAll, readList } from '@keepsake/filecoin/cbor/reader.ts'
import { byteString, encode, integer, tuple } from '@keepsake/filecoin/cbor/writer.ts'

/** Parameters of a provider's method 5, SubmitWindowedPoSt. */
export interface WindowPostParams {
  deadline: number
  partitions: { index: number; skipped: Bitfield }[]
  /** One for all partitions: `type` is `DEVNET_PROOF`, `bytes` what `encodeLeafProofs` writes. */
  proofs: { type: number; bytes: Uint8Array }[]
  /** Epoch whose randomness shows which chain the proof is for: a recent one. */
  chainCommitEpoch: number
  /** The ticket of that epoch. */
  chainCommitRandomness: Uint8Array
}

/** @throws ChainFormatError `UNKNOWN_LAYOUT`, `INVALID_CBOR`, `INVALID_BITFIELD` */
export function decodeWindowPostParams(bytes: Uint8Array): WindowPostParams {
  return decodeAll(bytes, (reader) => {
    reader.readTuple(5, 'The parameters of SubmitWindowedPoSt')
    return {
      deadline: reader.readUint(),
      partitions: readList(reader, (item) => {
        item.readTuple(2, 'A proven partition')
        return { index: item.readUint(), skipped: decodeBitfield(item.readBytes()) }
      }),
      proofs: readList(reader, (item) => {
        item.readTuple(2, 'A proof of spacetime')
        return { type: item.readInt(), bytes: item.readBytes() }
      }),
      chainCommitEpoch: reader.readInt(),
      chainCommitRandomness: reader.readBytes(),
    }
  })
}

export function encodeWindowPostParams(params: WindowPostParams): Uint8Array {
  const partitions = params.partitions.map(({ index, skipped }) => tuple(integer(index), byteString(encodeBitfield(skipped))))
  const proofs = params.proofs.map(({ type, bytes }) => tuple(integer(type), byteString(bytes)))
  return encode(
    tuple(
      integer(params.deadline),
      tuple(...partitions),
      tuple(...proofs),
      integer(params.chainCommitEpoch),
      byteString(params.chainCommitRandomness),
    ),
  )
}
