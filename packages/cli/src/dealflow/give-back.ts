import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import type { Nft } from '@keepsake/api/nft.ts'
import type { StorageProvider } from '@keepsake/api/storage-providers.ts'
import { CommandError } from '../failure.ts'

/** A storage provider that has to have what was stored, and where it gives that back. */
export interface Holder {
  /** As in `f01234`. */
  provider: string
  /** Base of a trustless gateway and of `/piece`. */
  url: string
  /** The pieces the content lies in; several where it is larger than one. */
  pieceCids: string[]
}

/** Whoever could be asked, in the order of the deals; those that only say that they will have it are none. */
export function holdersOf(deals: Nft['deals'], providers: readonly StorageProvider[]): Holder[] {
  const active = deals.filter(({ status }) => status === 'active')
  const miners = new Set(active.map(({ miner }) => miner as string))
  return [...miners].flatMap((miner) => {
    const url = providers.find(({ provider }) => provider === miner)?.retrievalUrl
    const pieceCids = active.flatMap((deal) => (deal.miner === miner && deal.pieceCid ? [deal.pieceCid] : []))
    return url ? [{ provider: miner, url: url.replace(/\/+$/, ''), pieceCids: [...new Set(pieceCids)] }] : []
  })
}

/** Downloads a piece as it is to a file. @throws CommandError where the provider does not give it; Error where it breaks off */
export async function downloadPiece(
  { provider, url }: Pick<Holder, 'provider' | 'url'>,
  pieceCid: string,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const response = await fetch(`${url}/piece/${pieceCid}`, { signal })
  if (!response.ok || !response.body) throw new CommandError(`${provider} answers ${response.status} for piece ${pieceCid}.`)
  await pipeline(response.body, createWriteStream(path))
}
