import { decodeDagCbor } from '@keepsake/content/dag/decode-block.ts'
import { RAW } from '@keepsake/content/hash/cid.ts'
import { verifyBlock } from '@keepsake/content/hash/verify.ts'
import { CID } from 'multiformats/cid'
import type { MarketToken } from '../token-form/market-card.tsx'

/** Metadata is a page of text; what is larger is something else, and not held in a tab. */
const maxBytes = 1024 * 1024
const maxTraits = 100

/** Where content can be shown from, given `ipfs://CID/path`; undefined for other addresses, which this website does not load. */
export type AddressOf = (cid: string, path: string) => string

/**
 * The metadata of a token, fetched as blocks whose hashes are computed here.
 *
 * @throws Error with a sentence that says why it cannot be shown
 */
export async function readToken(cid: string, addressOf: AddressOf, signal: AbortSignal): Promise<MarketToken> {
  const root = decodeDagCbor(CID.parse(cid), await readBlock(CID.parse(cid), signal))
  const link = CID.asCID((root as Record<string, unknown> | null)?.['metadata.json'])
  if (!link) throw new Error('There is no metadata.json in it.')
  if (link.code !== RAW) throw new Error('Its metadata is too large to be shown here.')
  return tokenOf(parse(await readBlock(link, signal)), addressOf)
}

async function readBlock(cid: CID, signal: AbortSignal): Promise<Uint8Array> {
  const response = await fetch(`/ipfs/${cid}?format=raw`, { signal, headers: { accept: 'application/vnd.ipld.raw' } })
  if (!response.ok) throw new Error('Its blocks are not all here.')
  if (Number(response.headers.get('content-length') ?? 0) > maxBytes)
    throw new Error('Its metadata is too large to be shown here.')
  const bytes = new Uint8Array(await response.arrayBuffer())
  await verifyBlock(cid, bytes)
  return bytes
}

function parse(bytes: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch (cause) {
    throw new Error('Its metadata is not JSON, so marketplaces cannot show it.', { cause })
  }
  throw new Error('Its metadata is not a JSON object, so marketplaces cannot show it.')
}

const textOf = (value: unknown) => (typeof value === 'string' || typeof value === 'number' ? String(value) : '')

function tokenOf(metadata: Record<string, unknown>, addressOf: AddressOf): MarketToken {
  const attributes = Array.isArray(metadata.attributes) ? metadata.attributes.slice(0, maxTraits) : []
  const animation = textOf(metadata.animation_url)
  return {
    name: textOf(metadata.name),
    description: textOf(metadata.description),
    imageUrl: locate(textOf(metadata.image), addressOf),
    videoUrl: /\.(mp4|webm|mov|m4v|ogv)$/i.test(animation) ? locate(animation, addressOf) : undefined,
    traits: attributes.flatMap((one, key) => {
      const { trait_type: type, value } = (one ?? {}) as Record<string, unknown>
      return textOf(value) === '' ? [] : [{ key, type: textOf(type), value: textOf(value) }]
    }),
  }
}

function locate(address: string, addressOf: AddressOf): string | undefined {
  const [, cid, path = ''] = /^ipfs:\/\/(?:ipfs\/)?([^/?#]+)\/?([^?#]*)/.exec(address) ?? []
  return cid && addressOf(cid, decoded(path))
}

/** Names are escaped in addresses; one with a lone `%` is taken as it is. */
function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}
