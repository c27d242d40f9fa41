import { pieceCidV2 } from '@keepsake/content/piece/piece-cid.ts'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Config } from '../config.ts'
import { KeepsakeError } from '../errors.ts'
import { answerWith } from '../http/answer.ts'
import { contentDisposition } from '../http/content-disposition.ts'
import { asKeepsakeError, failure } from '../http/reply-error.ts'
import { send } from '../http/send.ts'
import { fileNameOf, getPiece, type PieceFile, type PieceSource, pieceHeaders } from './pieces.ts'
import { checkLink } from './signed-links.ts'

export interface PieceComponents {
  pieces: PieceSource
  config: Pick<Config, 'PIECE_DOWNLOADS'>
  pieceLinkSecret: Uint8Array
}

/** Downloads at once in one process: each holds some megabytes that were read ahead and wait for the client. */
const maxDownloads = 48
const retryAfterSeconds = 5
/** The bytes that a piece CID names never change. */
const immutable = 'public, max-age=29030400, immutable, no-transform'

const methods = 'GET, HEAD, OPTIONS'

/** A browser may check a proof against the bytes themselves; no cookie is ever asked for. */
const everyAnswer: Readonly<Record<string, string>> = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': methods,
  'access-control-allow-headers': 'Range, If-None-Match, If-Range',
  'access-control-expose-headers':
    'Content-Length, Content-Range, Content-Disposition, Accept-Ranges, ETag, X-Piece-Cid, X-Piece-Cid-V2, X-Piece-Size',
  'x-content-type-options': 'nosniff',
}

/**
 * Pieces for storage providers: `/piece/<piece CID>` and `/piece?id=<piece CID>`, either version of it, whole or by ranges.
 */
export function pieceRoutes({ pieces, config, pieceLinkSecret }: PieceComponents) {
  const isOpen = config.PIECE_DOWNLOADS === 'open'
  let underWay = 0

  async function answer(request: FastifyRequest, reply: FastifyReply, cid: string): Promise<void> {
    const file = await getPiece(pieces, cid)
    if (!isOpen) {
      const { expires, signature } = request.query as Record<string, unknown>
      checkLink(pieceLinkSecret, file.piece, { expires, signature }, new Date())
    }
    if (underWay >= maxDownloads) {
      reply.header('retry-after', retryAfterSeconds)
      throw new KeepsakeError('ERROR_UNAVAILABLE', `${maxDownloads} downloads of pieces are under way; try again in a moment.`)
    }
    underWay += 1
    try {
      await sendPiece(request, reply, file, isOpen ? immutable : 'private, no-transform')
    } finally {
      underWay -= 1
    }
  }

  return async (app: FastifyInstance): Promise<void> => {
    app.addHook('onRequest', async (_request, reply) => void reply.headers(everyAnswer))
    for (const url of ['/piece', '/piece/:cid']) {
      app.route({ method: ['GET', 'HEAD'], url, handler: (request, reply) => answer(request, reply, wantedCid(request)) })
      app.route({
        method: 'OPTIONS',
        url,
        handler: async (_request, reply) => await reply.code(204).header('allow', methods).send(),
      })
    }
  }
}

/** From the path, or as `?id=`, which is how Curio asks whoever may have a piece. */
function wantedCid({ params, query }: FastifyRequest): string {
  const wanted = (params as { cid?: string }).cid || (query as { id?: unknown }).id
  if (typeof wanted !== 'string')
    throw new KeepsakeError('BAD_REQUEST', 'Say which piece: /piece/<piece CID> or /piece?id=<piece CID>.')
  return wanted
}

/** Sends a piece, or what of it was asked for. What goes wrong before the first byte is told; later, the connection ends. */
async function sendPiece(request: FastifyRequest, reply: FastifyReply, file: PieceFile, cacheControl: string): Promise<void> {
  const { raw: response } = reply
  const leaving = new AbortController()
  response.once('close', () => leaving.abort())
  const { payloadBytes: sizeBytes } = file.piece
  const { status, headers, body } = answerWith(request, {
    etag: `"${pieceCidV2(file.piece)}"`,
    contentType: file.format === 'car' ? 'application/vnd.ipld.car; version=1' : 'application/octet-stream',
    cacheControl,
    sizeBytes,
    headers: { ...pieceHeaders(file), 'content-disposition': contentDisposition('attachment', fileNameOf(file)) },
    open: (range) => file.stream(range?.offset ?? 0, range?.length ?? sizeBytes, { signal: leaving.signal }),
  })
  reply.hijack()
  try {
    const answer = { status, headers: { ...everyAnswer, ...headers }, body }
    await send(response, request.method, answer, (error) => request.log.error({ err: error }, 'a piece was cut short'))
  } catch (thrown) {
    // Whoever left is told nothing, and did nothing wrong.
    if (leaving.signal.aborted) return
    const error = asKeepsakeError(thrown)
    request.log.error({ err: thrown }, 'a piece could not be sent')
    const told = Buffer.from(JSON.stringify(failure(error)))
    const type = { 'content-type': 'application/json;charset=UTF-8', 'content-length': String(told.length) }
    await send(response, request.method, { status: error.status, headers: { ...everyAnswer, ...type }, body: told }, () => {})
  }
}
