import type { BlockSource } from '@keepsake/content/block.ts'
import type { CarIndex } from '@keepsake/content/car/multihash-index.ts'
import { withIdentity } from '@keepsake/content/dag/identity.ts'
import { ContentError, isContentError } from '@keepsake/content/errors.ts'
import { parsePieceCidText, pieceCidV1 } from '@keepsake/content/piece/piece-cid.ts'
import type { CID } from 'multiformats/cid'
import type { HeldDeal } from './held-deals.ts'
import { type ProviderParts, pieceOf, piecePath } from './parts.ts'
import { openPieceBlocks } from './piece-blocks.ts'
import type { PieceOnDisk } from './retrieval.ts'

/** What a provider can give back: the pieces on its disk, and the blocks in them. */
export interface Holdings {
  findPiece(pieceCid: string): PieceOnDisk | undefined
  blocks: BlockSource
}

interface OpenPiece {
  index: CarIndex
  blocks: BlockSource
}

function hasBytes({ stage }: HeldDeal): boolean {
  return stage === 'stored' || stage === 'published' || stage === 'committed'
}

export function holdingsOf(parts: Pick<ProviderParts, 'deals' | 'piecesDirectory'>): Holdings {
  const open = new Map<string, Promise<OpenPiece>>()
  const held = () => parts.deals.list().filter(hasBytes)

  function openPiece(deal: HeldDeal): Promise<OpenPiece> {
    const path = piecePath(parts, deal)
    const known = open.get(path) ?? openPieceBlocks(path, pieceOf(deal).payloadBytes)
    open.set(path, known)
    // One whose index cannot be read now may be readable the next time.
    known.catch(() => open.delete(path))
    return known
  }

  async function get(cid: CID, options?: { signal?: AbortSignal | undefined }): Promise<Uint8Array> {
    let failure: unknown = new ContentError('BLOCK_NOT_FOUND', `Block ${cid} is not held here.`)
    for (const deal of held()) {
      try {
        const { index, blocks } = await openPiece(deal)
        if ((await index.find(cid.multihash, options)).length > 0) return await blocks.get(cid, options)
      } catch (error) {
        // Another piece may hold a good copy.
        failure = isContentError(error)
          ? error
          : new ContentError('BLOCK_NOT_FOUND', `Block ${cid} cannot be read.`, { cause: error })
      }
    }
    throw failure
  }

  return {
    findPiece(pieceCid) {
      const wanted = rootCidOf(pieceCid)
      const deal = wanted && held().find((one) => pieceCidV1(pieceOf(one)).equals(wanted))
      return deal && { path: piecePath(parts, deal), sizeBytes: pieceOf(deal).payloadBytes }
    },
    blocks: withIdentity({
      get,
      async *getMany(cids, options) {
        for (const cid of cids) yield { cid, bytes: await get(cid, options) }
      },
    }),
  }
}

/** Version 1 of a piece CID of either version; undefined for what is none. */
function rootCidOf(text: string): CID | undefined {
  try {
    const parsed = parsePieceCidText(text)
    return pieceCidV1(parsed.version === 1 ? parsed : parsed.piece)
  } catch {
    return undefined
  }
}
