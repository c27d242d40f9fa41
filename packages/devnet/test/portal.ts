import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import { fastestPairs } from '@keepsake/commp/native-pairs.ts'
import { commPHasher } from '@keepsake/content/piece/commp.ts'
import { type Piece, paddedBytes } from '@keepsake/content/piece/piece.ts'
import { pieceCidV1, pieceCidV2 } from '@keepsake/content/piece/piece-cid.ts'
import {
  type DealProposal,
  dealProposalCid,
  encodeClientDealProposal,
  encodeDealProposal,
} from '@keepsake/filecoin/actors/deal-proposal.ts'
import { idAddress } from '@keepsake/filecoin/address.ts'
import { chainHead } from '@keepsake/filecoin/rpc/chain.ts'
import type { Rpc } from '@keepsake/filecoin/rpc/client.ts'
import { accountKey, beaconEntry, minerInfo } from '@keepsake/filecoin/rpc/state.ts'
import type { Signer } from '@keepsake/filecoin/signature.ts'
import { parseSpid, verifySpid } from '@keepsake/filecoin/spid.ts'

/** What the portal of a test does to those who use it. */
export interface TestPortal extends AsyncDisposable {
  url: string
  /** Who asked for a piece, in order: numbers of providers. */
  requests: number[]
  /** Ranges of downloads, in order; empty for those without. */
  ranges: string[]
  /** Offers a piece from now on. @returns the piece */
  offer(bytes: Uint8Array, how?: Offer): Piece
}

interface Offer {
  /** Downloads end after so many bytes, as often as `cuts`. */
  cutAfter?: number
  cuts?: number
  /** What is sent instead of the piece. */
  sent?: Uint8Array
  /** Changes what is proposed. */
  terms?: (proposal: DealProposal) => DealProposal
  /** Signs instead of the client. */
  signer?: Signer
}

interface Offered extends Offer {
  piece: Piece
  bytes: Uint8Array
  /** By number of the provider that asked for it. */
  proposals: Map<number, DealProposal>
}

/** A client of storage providers, as Spade is one: who asks is checked, pieces are given to whoever asks, and proposals are signed. */
export async function openPortal(rpc: () => Rpc, client: Signer): Promise<TestPortal> {
  const offers = new Map<string, Offered>()
  const requests: number[] = []
  const ranges: string[] = []
  let url = ''

  async function authorize({ headers }: IncomingMessage): Promise<number> {
    const spid = parseSpid(headers.authorization ?? '')
    const { worker } = await minerInfo(rpc(), idAddress(spid.actorId))
    const key = await accountKey(rpc(), worker)
    if (!verifySpid(spid, key, await beaconEntry(rpc(), spid.epoch))) throw new Error('It is somebody else.')
    return spid.actorId
  }

  async function propose(offered: Offered, actorId: number): Promise<void> {
    const { height } = await chainHead(rpc())
    const proposal: DealProposal = {
      pieceCid: pieceCidV1(offered.piece),
      pieceSizeBytes: paddedBytes(offered.piece.height),
      verifiedDeal: false,
      client: client.address,
      provider: idAddress(actorId),
      label: { isText: true, bytes: new TextEncoder().encode('a label') },
      startEpoch: height + 300,
      endEpoch: height + 5_000,
      storagePricePerEpoch: 0n,
      providerCollateral: 5n,
      clientCollateral: 0n,
    }
    offered.proposals.set(actorId, offered.terms?.(proposal) ?? proposal)
  }

  function pending(actorId: number): unknown[] {
    return [...offers.values()].flatMap(({ proposals, piece, signer }) => {
      const proposal = proposals.get(actorId)
      if (!proposal) return []
      const proposalBytes = encodeDealProposal(proposal)
      const signature = (signer ?? client).sign(proposalBytes)
      return [
        {
          deal_proposal_cid: dealProposalCid(proposal).toString(),
          proposal: Buffer.from(encodeClientDealProposal({ proposalBytes, signature })).toString('base64'),
          piece_cid_v2: pieceCidV2(piece).toString(),
          data_sources: [{ source_type: 'http', url: `${url}/piece/${pieceCidV1(piece)}` }],
        },
      ]
    })
  }

  function sendPiece(offered: Offered, request: IncomingMessage, response: ServerResponse): void {
    const bytes = offered.sent ?? offered.bytes
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
    ranges.push(request.headers.range ?? '')
    response.writeHead(from > 0 ? 206 : 200, {
      'content-length': bytes.length - from,
      ...(from > 0 && { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` }),
    })
    if ((offered.cuts ?? 0) === 0) return void response.end(bytes.subarray(from))
    offered.cuts!--
    response.write(bytes.subarray(from, from + offered.cutAfter!), () => setTimeout(() => response.destroy(), 50))
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, place, call, cid] = new URL(request.url ?? '', 'http://x').pathname.split('/')
    if (place === 'piece') return sendPiece(offers.get(call as string)!, request, response)
    const actorId = await authorize(request)
    const open = [...offers].filter(([, { proposals }]) => !proposals.has(actorId))
    if (call === 'request_piece') {
      requests.push(actorId)
      await propose(offers.get(cid as string)!, actorId)
    }
    const answers: Record<string, () => unknown> = {
      eligible_pieces: () => open.map(([piece_cid, { piece }]) => ({ piece_cid, padded_piece_size: paddedBytes(piece.height) })),
      request_piece: () => ({}),
      pending_proposals: () => ({ pending_proposals: pending(actorId) }),
    }
    response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(JSON.stringify({ response_code: 200, response: answers[call as string]?.() }))
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: Error) => {
      response
        .writeHead(401)
        .end(JSON.stringify({ response_code: 401, error_code: 4401, error_lines: [error.message], response: null }))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `http://127.0.0.1:${(server.address() as { port: number }).port}`
  return {
    url,
    requests,
    ranges,
    offer(bytes, how = {}) {
      const hasher = commPHasher(fastestPairs().hashPairs)
      hasher.write(bytes)
      const piece = hasher.digest()
      offers.set(pieceCidV1(piece).toString(), { ...how, piece, bytes, proposals: new Map() })
      return piece
    },
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
    },
  }
}
