import type { ServerResponse } from 'node:http'
import type { Answer, Body } from './answer.ts'

/** Chunks below this are copied together: a write to a socket costs more than copying so little. */
const SMALL_BYTES = 32 * 1024
const GATHERED_BYTES = 128 * 1024
/** How long a client may leave what was sent to it unread before it is let go. */
const STALLED_MS = 120_000
/** How much may wait in the socket before the next bytes are read. */
const BUFFERED_BYTES = 2 * 1024 * 1024

/**
 * Sends an answer. The first bytes are waited for before the status is sent, so what goes wrong before them is thrown; what goes wrong
 * after them destroys the connection, since an answer that ends early must never look whole.
 */
export async function send(
  response: ServerResponse,
  method: string,
  answer: Answer,
  onCut: (error: unknown) => void,
): Promise<void> {
  const { status, headers, body } = answer
  if (method === 'HEAD' || body === undefined || body instanceof Uint8Array) {
    if (body === undefined && status !== 304 && headers['content-length'] === undefined) headers['content-length'] = '0'
    response.writeHead(status, headers)
    response.end(method === 'HEAD' ? undefined : body)
    await closeUnread(body)
    return
  }
  const chunks = body[Symbol.asyncIterator]()
  const first = await chunks.next()
  response.writeHead(status, headers)
  try {
    await writeAll(response, first, chunks)
    response.end()
  } catch (error) {
    if (!response.destroyed) onCut(error)
    cut(response)
    // Not waited for: the source may be the very thing that hangs.
    chunks.return?.().catch(() => {})
  }
}

/**
 * Ends the connection so that the body cannot be taken for whole, after what was written has gone out: the missing last chunk or the
 * missing bytes tell. HTTP/1.0 knows no other end of a body than the end of the connection, so there it is reset.
 */
function cut(response: ServerResponse): void {
  const { socket } = response
  if (!socket || socket.destroyed) return
  if (response.req.httpVersion === '1.0') socket.resetAndDestroy()
  else socket.destroySoon()
  setTimeout(() => socket.destroy(), STALLED_MS).unref()
}

/** A body that was opened and is not wanted gives back what it holds. */
async function closeUnread(body: Body | undefined): Promise<void> {
  if (body !== undefined && !(body instanceof Uint8Array)) await body[Symbol.asyncIterator]().return?.()
}

async function writeAll(
  response: ServerResponse,
  first: IteratorResult<Uint8Array>,
  chunks: AsyncIterator<Uint8Array>,
): Promise<void> {
  let small: Uint8Array[] = []
  let smallBytes = 0
  const flush = () => {
    if (smallBytes > 0) response.write(small.length === 1 ? small[0] : Buffer.concat(small, smallBytes))
    small = []
    smallBytes = 0
  }
  for (let next = first; !next.done; next = await chunks.next()) {
    if (response.destroyed) throw new Error('The client left.')
    if (next.value.length < SMALL_BYTES) {
      small.push(next.value)
      smallBytes += next.value.length
      if (smallBytes >= GATHERED_BYTES) flush()
    } else {
      flush()
      response.write(next.value)
    }
    if (response.writableLength >= BUFFERED_BYTES) await drained(response)
  }
  flush()
}

/** Resolves when the socket has taken what was written; rejects when the client leaves, or reads nothing for too long. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error) => {
      clearTimeout(timer)
      response.off('drain', settle).off('close', leave)
      if (error) reject(error)
      else resolve()
    }
    const leave = () => settle(new Error('The client left.'))
    const timer = setTimeout(() => settle(new Error(`The client read nothing for ${STALLED_MS / 1000} seconds.`)), STALLED_MS)
    response.once('drain', settle).once('close', leave)
    if (response.destroyed) leave()
  })
}
