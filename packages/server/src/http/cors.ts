import type { FastifyReply, FastifyRequest } from 'fastify'

const methods = 'GET,POST,DELETE,PATCH,OPTIONS'
const preflightMaxAgeSeconds = 86_400

/**
 * Lets pages of any origin call the API with a key. No cookie is ever accepted across origins: credentials are not allowed.
 * An `onRequest` hook; it runs before the guard, so that errors can be read by pages too.
 */
export async function allowOrigin(request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const { origin } = request.headers
  reply.header('access-control-allow-origin', origin ?? '*')
  if (origin !== undefined) reply.header('vary', 'Origin')
}

/** Answers `OPTIONS`: 204 for a preflight (Fetch standard, "CORS-preflight fetch"), 405 for anything else. */
export async function answerPreflight(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const { origin, 'access-control-request-method': method, 'access-control-request-headers': headers } = request.headers
  if (origin === undefined || method === undefined) {
    return await reply.code(405).header('allow', methods).type('text/plain;charset=UTF-8').send('405 method not allowed')
  }
  reply.header('access-control-allow-methods', methods).header('access-control-max-age', preflightMaxAgeSeconds)
  if (headers !== undefined) reply.header('access-control-allow-headers', headers)
  return await reply.code(204).send()
}
