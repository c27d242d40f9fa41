import type { FastifyRequest } from 'fastify'

declare module 'fastify' {
  interface FastifyRequest {
    /** A `Content-Type` that is no media type; empty on all other requests. */
    oddMediaType: string
  }
}

/**
 * An `onRequest` hook that keeps Fastify from refusing a `Content-Type` it cannot parse: an upload's type is kept as it was sent,
 * whatever it is, as nft.storage did. Needs `oddMediaType` decorated.
 */
export async function allowOddMediaType(request: FastifyRequest): Promise<void> {
  const sent = request.raw.headers['content-type']
  if (sent === undefined || request.mediaType) return
  request.oddMediaType = sent
  delete request.raw.headers['content-type']
}

/** The `Content-Type` exactly as it was sent; empty where there was none. */
export function sentMediaType(request: FastifyRequest): string {
  return request.headers['content-type'] ?? request.oddMediaType
}
