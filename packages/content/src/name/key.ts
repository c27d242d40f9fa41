import { base36 } from 'multiformats/bases/base36'
import { base58btc } from 'multiformats/bases/base58'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { identity } from 'multiformats/hashes/identity'
import { findCid } from '../hash/cid-text.ts'

/** Multicodec `libp2p-key`. */
export const LIBP2P_KEY = 0x72

/** Head of a libp2p public key in protobuf: type Ed25519, then 32 bytes of data. (libp2p peer ids specification, "Keys".) */
const ed25519Head = [0x08, 0x01, 0x12, 0x20]

/** Characters of a bare multihash that begins a peer id of old: sha2-256, or an Ed25519 key inside. */
const barePattern = /^(?:Qm|1)[1-9A-HJ-NP-Za-km-z]{40,200}$/

/**
 * The key a peer id or an IPNS name spells, as a CID with codec `libp2p-key`: a bare multihash in base58 (`12D3Koo…`, `Qm…`), or a CID in any base.
 * Undefined where the text is neither, or the CID is of something else.
 */
export function findKey(text: string): CID | undefined {
  if (barePattern.test(text)) return bareKey(text)
  const cid = findCid(text)
  return cid?.version === 1 && cid.code === LIBP2P_KEY ? cid : undefined
}

function bareKey(text: string): CID | undefined {
  try {
    return CID.createV1(LIBP2P_KEY, Digest.decode(base58btc.baseDecode(text)))
  } catch {
    return undefined
  }
}

/** How peers are named in lists and addresses: the bare multihash in base58. */
export function peerIdText(key: CID): string {
  return base58btc.baseEncode(key.multihash.bytes)
}

/** How names are written in paths and hosts: base36, which fits into a DNS label. */
export function nameText(key: CID): string {
  return key.toString(base36)
}

/** The key CID of an Ed25519 public key of 32 bytes: the key itself, not its hash. */
export function ed25519Key(publicKey: Uint8Array): CID {
  return CID.createV1(LIBP2P_KEY, identity.digest(Uint8Array.from([...ed25519Head, ...publicKey])))
}
