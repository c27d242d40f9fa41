import type { AbortOptions } from '@keepsake/content/block.ts'
import { findCid } from '@keepsake/content/hash/cid-text.ts'
import { findKey, peerIdText } from '@keepsake/content/name/key.ts'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { CID } from 'multiformats/cid'
import { toKeepsakeError } from '../errors.ts'
import { RoutingError } from './errors.ts'
import { parseFilters } from './filters.ts'
import { negotiateMediaType } from './media-type.ts'
import { type OwnPeer, type PeerRecord, recordsOf } from './offers.ts'

export interface RoutingComponents {
  blocks: { has(cids: readonly CID[], options?: AbortOptions): Promise<boolean[]> }
  /** Whom to name as the provider of what is here, now. */
  ownPeers(): Promise<readonly OwnPeer[]>
}

/** What is here stays for a while, and where it can be had changes seldom. */
const foundCache = 'public, max-age=300, stale-while-revalidate=172800, stale-if-error=172800'
/** What is not here may be here the next moment, and must then be found at once. Looking again costs little. */
const emptyCache = 'no-cache'

/**
 * Delegated Routing V1 over everything this server holds: a client that has it as its router finds content the moment it is acknowledged. It answers
 * for this server alone, and asks nobody. To be registered below `/routing/v1`.
 */
export function routingRoutes({ blocks, ownPeers }: RoutingComponents) {
  return async (app: FastifyInstance): Promise<void> => {
    app.addHook('onRequest', async (_request, reply) => {
      reply.headers({ 'access-control-allow-origin': '*', 'access-control-allow-methods': 'GET, OPTIONS', vary: 'Accept' })
    })
    app.setErrorHandler(sendError)
    app.get('/providers/:cid', async (request, reply) => {
      const { cid: text } = request.params as { cid: string }
      const cid = findCid(text)
      if (!cid) throw new RoutingError(422, `${JSON.stringify(text.slice(0, 100))} is not a CID.`)
      const answer = prepare(request)
      const [isHere] = await blocks.has([cid])
      return answer(reply, 'Providers', isHere ? await ownPeers() : [])
    })
    app.get('/peers/:id', async (request, reply) => {
      const { id: text } = request.params as { id: string }
      const key = findKey(text)
      if (!key)
        throw new RoutingError(422, `${JSON.stringify(text.slice(0, 100))} is neither a peer id nor a CID of codec libp2p-key.`)
      const answer = prepare(request)
      const id = peerIdText(key)
      return answer(
        reply,
        'Peers',
        (await ownPeers()).filter((peer) => peer.id === id),
      )
    })
    app.options('/*', async (request, reply) => {
      const asked = request.headers['access-control-request-headers']
      if (asked !== undefined) reply.header('access-control-allow-headers', asked)
      return await reply.header('access-control-max-age', '86400').code(204).send()
    })
  }
}

/** Reads what the client wants, before anything is looked up. */
function prepare({ url, headers }: FastifyRequest) {
  const mark = url.indexOf('?')
  const filters = parseFilters(new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1)))
  const type = negotiateMediaType(headers.accept)
  return (reply: FastifyReply, list: 'Providers' | 'Peers', peers: readonly OwnPeer[]): FastifyReply => {
    const records = recordsOf(peers, filters)
    reply
      .type(type)
      .header('cache-control', records.length > 0 ? foundCache : emptyCache)
      .header('last-modified', new Date().toUTCString())
    // As bytes: a text would be sent with a charset, which these types do not have.
    return reply.send(Buffer.from(type === 'application/json' ? JSON.stringify({ [list]: records }) : ndjson(records)))
  }
}

function ndjson(records: readonly PeerRecord[]): string {
  return records.map((record) => `${JSON.stringify(record)}\n`).join('')
}

/** In plain text, as other routers answer: clients read the status. */
async function sendError(thrown: unknown, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const error = thrown instanceof RoutingError ? thrown : toKeepsakeError(thrown)
  if (error.status >= 500) request.log.error({ err: thrown }, 'a routing request failed')
  return await reply
    .code(error.status)
    .header('cache-control', 'no-store')
    .type('text/plain; charset=utf-8')
    .send(`${error.message}\n`)
}
