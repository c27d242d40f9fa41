import { createPrivateKey, createPublicKey } from 'node:crypto'
import { ed25519Key, peerIdText } from '@keepsake/content/name/key.ts'

/** The peer id that the key behind the service's DID has: what the service is called where no node of it runs. */
export function serviceIdOf(didSeed: Uint8Array): string {
  return peerIdText(ed25519Key(publicKeyOf(didSeed)))
}

/** Head of an Ed25519 private key in PKCS #8 (RFC 8410, section 7). */
const pkcs8Head = Buffer.from('302e020100300506032b657004220420', 'hex')

function publicKeyOf(seed: Uint8Array): Uint8Array {
  const key = createPrivateKey({ key: Buffer.concat([pkcs8Head, seed]), format: 'der', type: 'pkcs8' })
  // The last 32 bytes of its SPKI form are the key (RFC 8410, section 4).
  return createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32)
}
