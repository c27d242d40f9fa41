import { Readable } from 'node:stream'
import type { Failure } from '@keepsake/api/errors.ts'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { KeepsakeError, toKeepsakeError } from '../errors.ts'

/** How long the rest of a refused body is read and thrown away, so that the client gets to read the answer instead of a reset. */
const drainMs = 5_000

/** Fastify's own refusals (bad JSON, failed validation, oversized headers) in our words. */
function fromFastify(error: FastifyError | Error): KeepsakeError {
  const { statusCode, validation } = error as FastifyError
  if (validation) return new KeepsakeError('BAD_REQUEST', `invalid params: ${error.message}`, { cause: error })
  if (statusCode === 413) return new KeepsakeError('PAYLOAD_TOO_LARGE', error.message, { cause: error })
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return new KeepsakeError('BAD_REQUEST', error.message, { cause: error })
  return toKeepsakeError(error)
}

export function asKeepsakeError(error: unknown): KeepsakeError {
  return error instanceof Error && !(error instanceof KeepsakeError) ? fromFastify(error) : toKeepsakeError(error)
}

export function failure(error: KeepsakeError): Failure {
  return { ok: false, error: { code: error.nativeCode, message: error.message } }
}

/** How a facade shows an error. */
export type RenderError = (error: KeepsakeError) => { status: number; body: object }

/** An error handler for JSON facades; what is not a client's mistake goes to the log with its cause. */
export function errorReplier(render: RenderError) {
  return async (thrown: unknown, request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const error = asKeepsakeError(thrown)
    if (error.isTrouble) request.log.error({ err: error }, error.message)
    else request.log.debug({ code: error.code, cause: error.cause }, error.message)
    const { status, body } = render(error)
    reply.code(status).type('application/json;charset=UTF-8')
    const isBodyUnderWay = !request.raw.complete && !request.raw.destroyed
    return await (isBodyUnderWay ? replyAmidBody(request, reply, body) : reply.send(body))
  }
}

/** The renderer of the native API: a code and a sentence. */
export const replyError = errorReplier((error) => ({ status: error.status, body: failure(error) }))

/**
 * Answers while the client still sends. The connection cannot be used again; but closing it at once would reset it, and a client that
 * writes first and reads later would never see the answer. So the answer is given whole (its length is known), and the end of the
 * connection waits until the rest of the body came and was thrown away, the client left, or `drainMs` passed.
 */
function replyAmidBody({ raw }: FastifyRequest, reply: FastifyReply, body: object): FastifyReply {
  const bytes = Buffer.from(JSON.stringify(body))
  raw.resume()
  async function* lingering() {
    yield bytes
    const { promise: gone, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, drainMs)
    for (const event of ['end', 'close', 'error']) raw.once(event, () => resolve())
    if (raw.complete || raw.destroyed) resolve()
    await gone
    clearTimeout(timer)
  }
  reply.header('connection', 'close').header('content-length', bytes.byteLength)
  return reply.send(Readable.from(lingering(), { objectMode: false }))
}
