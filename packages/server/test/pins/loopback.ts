import { once } from 'node:events'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { createServer } from 'node:http'

/** A server on loopback that keeps the protocol of a service. */
export interface Loopback extends AsyncDisposable {
  url: string
  /** `METHOD /path`, without the query, of every request so far. */
  calls: string[]
  /** Told of each as it comes. */
  onCall: ((call: string) => void) | undefined
  /** Refuses connections until `open`, on the same port. */
  close(): Promise<void>
  open(): Promise<void>
}

export async function loopback(handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>): Promise<Loopback> {
  const calls: string[] = []
  const listener: RequestListener = (request, response) => {
    const call = `${request.method} ${new URL(request.url ?? '/', 'http://x').pathname}`
    calls.push(call)
    stand.onCall?.(call)
    handle(request, response).catch(() => response.destroy())
  }
  let server = createServer(listener)
  let port = 0
  const open = async () => {
    server = createServer(listener)
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    port = (server.address() as { port: number }).port
  }
  const close = async () => {
    if (!server.listening) return
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  }
  const stand: Loopback = { url: '', calls, onCall: undefined, close, open, [Symbol.asyncDispose]: close }
  await open()
  stand.url = `http://127.0.0.1:${port}`
  return stand
}

export function sendJson(response: ServerResponse, status: number, value: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value))
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

export async function jsonOf<T>(request: IncomingMessage): Promise<T> {
  return JSON.parse((await bodyOf(request)).toString()) as T
}
