import { createHmac, timingSafeEqual } from 'node:crypto'

const idBytes = 16
const macBytes = 32

/**
 * The token that stands for `id` in a link: the id and its MAC (HMAC-SHA-256). It can be made again when a mail has to be sent, so it
 * is not kept anywhere; who reads the database cannot make it.
 */
export function sealId(secret: Uint8Array, purpose: string, id: Uint8Array): string {
  return Buffer.concat([id, mac(secret, purpose, id)]).toString('base64url')
}

/** The id of a token; undefined for what this server did not make for this purpose. */
export function openSealedId(secret: Uint8Array, purpose: string, token: string): Uint8Array | undefined {
  const bytes = Buffer.from(token, 'base64url')
  if (bytes.length !== idBytes + macBytes || bytes.toString('base64url') !== token) return undefined
  const id = bytes.subarray(0, idBytes)
  return timingSafeEqual(bytes.subarray(idBytes), mac(secret, purpose, id)) ? id : undefined
}

function mac(secret: Uint8Array, purpose: string, id: Uint8Array): Buffer {
  return createHmac('sha256', secret).update(`${purpose}\0`).update(id).digest()
}
