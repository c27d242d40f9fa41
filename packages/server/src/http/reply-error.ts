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

/** The renderer of the native API: JSON with a code and a sentence; what is not a client's mistake goes to the log with its cause. */
export async function replyError(thrown: unknown, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const error = asKeepsakeError(thrown)
  if (error.status >= 500) request.log.error({ err: error }, error.message)
  else request.log.debug({ code: error.code, cause: error.cause }, error.message)
  leaveBody(request, reply)
  return await reply.code(error.status).type('application/json;charset=UTF-8').send(failure(error))
}

/** After a refusal in the middle of a body the connection cannot be used again. */
function leaveBody(request: FastifyRequest, reply: FastifyReply): void {
  const { raw } = request
  if (raw.complete || raw.destroyed) return
  reply.header('connection', 'close')
  raw.resume()
  const timer = setTimeout(() => raw.destroy(), drainMs)
  timer.unref()
  raw.once('close', () => clearTimeout(timer))
}
