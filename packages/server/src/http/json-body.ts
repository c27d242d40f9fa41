import type { FastifyInstance } from 'fastify'
import { KeepsakeError } from '../errors.ts'

/** Reads every body as JSON whatever its media type says, as the original API did. Prototypes cannot be reached through it. */
export function acceptJsonBodies(app: FastifyInstance, maxBytes: number): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'string', bodyLimit: maxBytes }, (_request, text, done) => {
    try {
      done(null, text === '' ? undefined : JSON.parse(text as string, dropPrototype))
    } catch (error) {
      done(new KeepsakeError('ERROR_INVALID_JSON', `The body is not JSON: ${(error as Error).message}`))
    }
  })
}

function dropPrototype(this: unknown, key: string, value: unknown): unknown {
  return key === '__proto__' ? undefined : value
}
