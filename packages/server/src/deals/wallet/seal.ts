import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { KeepsakeError } from '../../errors.ts'

const algorithm = 'aes-256-gcm'
/** NIST SP 800-38D, 8.2.2: of random bytes, good for 2^32 seals under one key. */
const nonceBytes = 12
const tagBytes = 16

/** Encrypts `secret` so that it opens only with the same key and for the same `about`: nonce, tag, cipher text. */
export function seal(key: Uint8Array, secret: Uint8Array, about: Uint8Array): Uint8Array {
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv(algorithm, key, nonce, { authTagLength: tagBytes })
  cipher.setAAD(about)
  const sealed = Buffer.concat([cipher.update(secret), cipher.final()])
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed])
}

/** @throws KeepsakeError `ERROR_UNAVAILABLE` where the key is another one, or the bytes or what they are about have changed */
export function unseal(key: Uint8Array, sealed: Uint8Array, about: Uint8Array): Uint8Array {
  try {
    const decipher = createDecipheriv(algorithm, key, sealed.subarray(0, nonceBytes), { authTagLength: tagBytes })
    decipher.setAAD(about)
    decipher.setAuthTag(sealed.subarray(nonceBytes, nonceBytes + tagBytes))
    return new Uint8Array(Buffer.concat([decipher.update(sealed.subarray(nonceBytes + tagBytes)), decipher.final()]))
  } catch (cause) {
    throw new KeepsakeError(
      'ERROR_UNAVAILABLE',
      'A key of the wallet cannot be decrypted. Its encryption is derived from KEY_SECRET (or the key-secret of DATA_DIR): is that the same as when the key was made?',
      { cause },
    )
  }
}
