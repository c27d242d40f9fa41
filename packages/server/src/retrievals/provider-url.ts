import { idAddress } from '@keepsake/filecoin/address.ts'
import type { Rpc } from '@keepsake/filecoin/rpc/client.ts'
import { minerInfo } from '@keepsake/filecoin/rpc/state.ts'
import { multiaddr } from '@multiformats/multiaddr'
import { httpUrlOf } from '../network/http-multiaddr.ts'

/**
 * Where a provider can be asked by HTTP, as it says of itself on the chain; undefined where it says nothing of the kind.
 *
 * @throws RpcError
 */
export async function urlOnChain(rpc: Rpc, actorId: number, signal?: AbortSignal): Promise<string | undefined> {
  const { multiaddrs } = await minerInfo(rpc, idAddress(actorId), { signal })
  for (const bytes of multiaddrs) {
    const url = httpUrlOf(textOf(bytes))
    if (url) return url.href
  }
  return undefined
}

/** Anybody may write anything on the chain. */
function textOf(bytes: Uint8Array): string {
  try {
    return multiaddr(bytes).toString()
  } catch {
    return ''
  }
}
