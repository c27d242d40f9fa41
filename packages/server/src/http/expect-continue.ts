import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'

/**
 * Answers `Expect: 100-continue` only when a request was let in, right before its body is read: whoever asks first learns of a
 * refusal without sending an upload for nothing (RFC 9110, section 10.1.1). Node.js by itself says yes to everybody.
 */
export function continueOnceAccepted(app: FastifyInstance): void {
  app.server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    app.server.emit('request', request, response)
  })
  app.addHook('preParsing', async (request, reply) => {
    if (request.headers.expect?.toLowerCase() === '100-continue') reply.raw.writeContinue()
  })
}
