import { verifyBlock } from '@keepsake/content/hash/verify.ts'
import type { GuardedHttp } from '../network/guarded-get.ts'
import type { Source } from './source.ts'

/** Largest block taken, as by Bitswap. */
const maxBlockBytes = 4 * 1024 * 1024
/** Blocks asked for at a time: each is a request of its own. */
const parallel = 6

/** A trustless HTTP gateway, asked for one raw block at a time. Source: IPFS specifications, "Trustless Gateway". */
export function gatewaySource(url: URL, http: GuardedHttp): Source {
  return {
    name: url.origin,
    parallel,
    async fetch(cid, { signal }) {
      const at = new URL(`ipfs/${cid}?format=raw`, url)
      const bytes = await http.get(at, { headers: { accept: 'application/vnd.ipld.raw' }, maxBytes: maxBlockBytes, signal })
      if (bytes) await verifyBlock(cid, bytes)
      return bytes
    },
  }
}
