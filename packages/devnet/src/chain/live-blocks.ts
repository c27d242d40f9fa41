import { CborReader } from '@keepsake/filecoin/cbor/reader.ts'
import { BLAKE2B_256, DAG_CBOR } from '@keepsake/filecoin/cid.ts'
import type { CID } from 'multiformats/cid'
import { type BlockStore, digestKey } from '../store/blocks.ts'

/** Every block that can be reached from `roots`, by the key of its digest. */
export function reachable({ get }: Pick<BlockStore, 'get'>, roots: readonly CID[]): Set<string> {
  const seen = new Set<string>()
  const waiting = [...roots]
  for (let cid = waiting.pop(); cid; cid = waiting.pop()) {
    const key = digestKey(cid)
    // Pieces and sectors are named too, and are no blocks of the chain.
    if (cid.multihash.code !== BLAKE2B_256 || seen.has(key)) continue
    seen.add(key)
    const bytes = cid.code === DAG_CBOR ? get(cid) : undefined
    if (bytes) collectLinks(new CborReader(bytes), waiting)
  }
  return seen
}

function collectLinks(reader: CborReader, into: CID[]): void {
  if (reader.isLink()) into.push(reader.readCid())
  else if (reader.isArray()) for (let left = reader.readArray(); left > 0; left--) collectLinks(reader, into)
  else reader.skip()
}
