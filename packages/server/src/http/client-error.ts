import type { Socket } from 'node:net'
import type { Failure } from '@keepsake/api/errors.ts'

const answers: Record<string, [status: string, code: string, message: string]> = {
  HPE_HEADER_OVERFLOW: [
    '431 Request Header Fields Too Large',
    'HTTP_ERROR',
    'The headers of the request, its address included, are too long.',
  ],
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'REQUEST_TIMEOUT', 'The headers of the request did not come in time.'],
}
const malformed = ['400 Bad Request', 'HTTP_ERROR', 'The request is not HTTP that can be understood.'] as const

/** Answers what the HTTP parser refuses, which never reaches a route. For Fastify's `clientErrorHandler`. */
export function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  // After the first bytes of an answer, another would only garble it.
  if (!socket.writable || socket.bytesWritten > 0 || error.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const [status, code, message] = answers[error.code ?? ''] ?? malformed
  const failure: Failure = { ok: false, error: { code, message } }
  const body = JSON.stringify(failure)
  const head = [
    `HTTP/1.1 ${status}`,
    'Content-Type: application/json;charset=UTF-8',
    `Content-Length: ${body.length}`,
    'Connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}
