import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { pieceCidV1 } from '@keepsake/content/piece/piece-cid.ts'
import { replyError } from '@keepsake/server/http/reply-error.ts'
import type { PieceFile } from '@keepsake/server/pieces/pieces.ts'
import { pieceRoutes } from '@keepsake/server/pieces/routes.ts'
import fastify from 'fastify'
import { expect, test, vi } from 'vitest'

test('a client that leaves before the first byte is no error, and what was read for it ends', async () => {
  const piece = { root: new Uint8Array(32), height: 10, payloadBytes: 30_000 }
  let reads = 0
  let ended = 0
  const file: PieceFile = {
    piece,
    format: 'car',
    async *stream(_offset, _length, { signal } = {}) {
      reads++
      await once(signal as AbortSignal, 'abort').finally(() => ended++)
      signal?.throwIfAborted()
    },
  }
  const lines: string[] = []
  const app = fastify({ logger: { level: 'warn', stream: { write: (line: string) => void lines.push(line) } } })
  app.setErrorHandler(replyError)
  await app.register(
    pieceRoutes({
      pieces: { findByRoot: async () => file },
      config: { PIECE_DOWNLOADS: 'open' },
      pieceLinkSecret: new Uint8Array(32),
    }),
  )
  await app.listen({ port: 0, host: '127.0.0.1' })
  try {
    // More than may be downloaded at once, so that none is counted for ever.
    for (let round = 1; round <= 60; round++) {
      const client = connect((app.server.address() as AddressInfo).port, '127.0.0.1')
      client.write(`GET /piece/${pieceCidV1(piece)} HTTP/1.1\r\nhost: localhost\r\n\r\n`)
      await vi.waitFor(() => expect(reads).toBe(round))
      client.destroy()
      await vi.waitFor(() => expect(ended).toBe(round))
    }
    expect(lines).toEqual([])
  } finally {
    await app.close()
  }
})
