/** Node's own crypto where there is one: several times faster than JavaScript. `undefined` in a browser. */
export const nodeCrypto: typeof import('node:crypto') | undefined = globalThis.process?.getBuiltinModule?.('node:crypto')

/** Hashes with one of OpenSSL's functions; only to be called where `nodeCrypto` is there. */
export function opensslHash(crypto: typeof import('node:crypto'), algorithm: string, bytes: Uint8Array): Uint8Array {
  const digest = crypto.hash(algorithm, bytes, 'buffer')
  return new Uint8Array(digest.buffer, digest.byteOffset, digest.byteLength)
}
