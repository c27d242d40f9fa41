import type { PutBlock } from '@keepsake/filecoin/blocks.ts'
import { encode, link, text, tuple } from '@keepsake/filecoin/cbor/writer.ts'
import { RAW } from '@keepsake/filecoin/cid.ts'
import type { CID } from 'multiformats/cid'

/** Kinds of actors there are here, as the bundle of actors names them. */
const actorKinds = ['system', 'init', 'account', 'storagemarket', 'storageminer'] as const

export type ActorKind = (typeof actorKinds)[number]

/** Where the code of each kind would be. */
export type ActorCodes = Record<ActorKind, CID>

/** Writes a block under a codec of its own. */
export type PutRaw = (bytes: Uint8Array, codec: number) => CID

/** What stands in place of the code of an actor, which on Filecoin is a WebAssembly module: here the node itself is the code. */
function codeBytes(kind: ActorKind): Uint8Array {
  return new TextEncoder().encode(`keepsake devnet actor: ${kind}`)
}

export function saveCodes(put: PutRaw): ActorCodes {
  return Object.fromEntries(actorKinds.map((kind) => [kind, put(codeBytes(kind), RAW)])) as ActorCodes
}

/** The state of the system actor, f00: it links to the names of all code. */
export function saveSystem(put: PutBlock, codes: ActorCodes): CID {
  const entries = actorKinds.map((kind) => tuple(text(new TextEncoder().encode(kind)), link(codes[kind])))
  return put(encode(tuple(link(put(encode(tuple(...entries)))))))
}
