import { createHash } from 'node:crypto'
import { clearTopBits } from '@keepsake/content/piece/hash-pairs.ts'
import { encode, integer, tuple } from '@keepsake/filecoin/cbor/writer.ts'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'

/** `fil-commitment-sealed`. */
const SEALED = 0xf102
/** `poseidon-bls12_381-a2-fc1`. */
const POSEIDON = 0xb401

/**
 * The CID of a sealed sector as this network has it. Sealing itself is simulated: the sector is stored as it is, and this number only depends on who
 * stores what where.
 *
 * @param pieceRoots roots of its pieces in order
 */
export function devnetSealedCid(provider: number, sector: number, pieceRoots: readonly Uint8Array[]): CID {
  const hash = createHash('sha256').update(encode(tuple(integer(provider), integer(sector))))
  for (const root of pieceRoots) hash.update(root)
  const digest = new Uint8Array(hash.digest())
  clearTopBits(digest)
  return CID.createV1(SEALED, Digest.create(POSEIDON, digest))
}
