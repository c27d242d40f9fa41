import { verifyBlock } from '@keepsake/content/hash/verify.ts'
import type { CID } from 'multiformats/cid'
import type { Trial } from './try-address.ts'

const timeoutMs = 10_000
/** Larger blocks are not exchanged. */
const maxBytes = 4 * 1024 * 1024

/** Fetches the block of a CID from a gateway, and computes its hash. */
export async function tryGateway(url: string, cid: CID, signal: AbortSignal): Promise<Trial> {
  const address = `${url}/ipfs/${cid}?format=raw`
  const bound = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
  const startedAt = performance.now()
  try {
    const response = await fetch(address, { signal: bound, headers: { accept: 'application/vnd.ipld.raw' } })
    if (!response.ok) {
      await response.body?.cancel()
      return { address, result: 'silent', detail: `it answers ${response.status}` }
    }
    const bytes = new Uint8Array(await response.arrayBuffer())
    if (bytes.length > maxBytes) return { address, result: 'silent', detail: `it sent ${bytes.length} bytes, which is no block` }
    await verifyBlock(cid, bytes)
  } catch (error) {
    signal.throwIfAborted()
    const { message, cause } = error as Error
    const why = cause instanceof Error ? cause.message : message
    return { address, result: 'silent', detail: bound.aborted ? `no answer within ${timeoutMs / 1000} s` : why }
  }
  const ms = Math.round(performance.now() - startedAt)
  const isLocal = /^https?:\/\/(?:localhost|127\.|\[::1\])/.test(url)
  return {
    address,
    result: isLocal ? 'private' : 'answers',
    detail: `the block came in ${ms} ms, and its hash is right${isLocal ? '; but others cannot reach this address' : ''}`,
  }
}
