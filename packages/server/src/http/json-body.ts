import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { KeepsakeError } from '../errors.ts'
import { readBody } from './body.ts'

/** JSON bodies are small; whoever sends nothing of one for this long will not. */
const idleTimeoutMs = 5_000

/** Reads every body as JSON whatever its media type says, as the original API did. Prototypes cannot be reached through it. */
export function acceptJsonBodies(app: FastifyInstance, maxBytes: number): void {
  const limits = { maxBytes, idleTimeoutMs, limitName: 'JSON bodies' }
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', async (_request: FastifyRequest, payload: IncomingMessage) => {
    const chunks: Uint8Array[] = []
    for await (const chunk of readBody(payload, limits)) chunks.push(chunk)
    const text = Buffer.concat(chunks).toString('utf8')
    try {
      return text === '' ? undefined : JSON.parse(text, dropPrototype)
    } catch (error) {
      throw new KeepsakeError('ERROR_INVALID_JSON', `The body is not JSON: ${(error as Error).message}`)
    }
  })
}

function dropPrototype(this: unknown, key: string, value: unknown): unknown {
  return key === '__proto__' ? undefined : value
}
