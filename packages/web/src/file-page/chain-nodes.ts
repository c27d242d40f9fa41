import type { StorageProviders } from '@keepsake/api/storage-providers.ts'
import { isDevnetName } from '@keepsake/filecoin/devnet-name.ts'
import { call } from '../api/call.ts'

/** Public nodes that anybody may read from, as the documentation of Filecoin lists them (docs.filecoin.io, Networks, RPCs). */
const publicNodes: Record<string, string> = {
  mainnet: 'https://api.node.glif.io/rpc/v1',
  calibrationnet: 'https://api.calibration.node.glif.io/rpc/v1',
}

export interface SuggestedNode {
  /** Empty where nobody is known. */
  url: string
  /** Whose it is. */
  hint: string
}

/** Whom to ask about a network, unless the visitor knows better. */
export async function suggestNode(network: string, signal: AbortSignal): Promise<SuggestedNode> {
  if (isDevnetName(network)) {
    const { nodeUrl } = await call<StorageProviders>('GET', '/api/storage-providers', { signal })
    const hint =
      "The devnet's only node, run by this server: it simulates the chain, and only the machine of the server reaches it."
    return { url: nodeUrl ?? '', hint }
  }
  const url = publicNodes[network]
  if (url === undefined) return { url: '', hint: `A node of ${network} that lets pages of other sites ask (CORS).` }
  return { url, hint: `A public node of ${network}. This page asks it from your browser; name your own to trust nobody else.` }
}
