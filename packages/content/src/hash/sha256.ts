import { sha256 as sha256Portable } from '@noble/hashes/sha2.js'
import { nodeCrypto, opensslHash } from './node-crypto.ts'

/**
 * Up to this size hashing takes less time (about 17 µs) than handing the bytes to another thread costs (about 40 µs).
 */
const MAX_SYNC_BYTES = 32 * 1024

/** On a worker thread of Node no event loop has to be kept free, and hashing at once spares a copy. */
const isNodeWorker: boolean = globalThis.process?.getBuiltinModule?.('node:worker_threads')?.isMainThread === false

/**
 * sha2-256 of `bytes`: at once when they are few or on a worker thread of Node, else on another thread so that the event loop goes on. The bytes may be
 * overwritten as soon as this has returned.
 */
export function sha256(bytes: Uint8Array): Uint8Array | Promise<Uint8Array> {
  if (bytes.length > MAX_SYNC_BYTES && !isNodeWorker && globalThis.crypto?.subtle !== undefined) return sha256OffThread(bytes)
  return sha256Now(bytes)
}

/** sha2-256 of `bytes`, on this thread whatever their size. */
function sha256Now(bytes: Uint8Array): Uint8Array {
  return nodeCrypto === undefined ? sha256Portable(bytes) : opensslHash(nodeCrypto, 'sha256', bytes)
}

async function sha256OffThread(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await globalThis.crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>))
}
