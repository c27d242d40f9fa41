import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { WebSocketServer } from 'ws'

export interface TestNode extends AsyncDisposable {
  url: string
  /** Methods that were called, in order. */
  calls: string[]
}

type Answer = { result: unknown } | { error: { code: number; message: string } } | ((response: ServerResponse) => void)

/** A JSON-RPC server on loopback that answers what `answer` says. */
export async function startNode(answer: (method: string, params: unknown[]) => Answer, status = 200): Promise<TestNode> {
  const calls: string[] = []
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    // A websocket is asked for with GET: this node has none.
    if (request.method !== 'POST') return void response.writeHead(404).end()
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { id, method, params } = JSON.parse(Buffer.concat(chunks).toString()) as {
        id: number
        method: string
        params: unknown[]
      }
      calls.push(method)
      const answered = answer(method.replace('Filecoin.', ''), params)
      if (typeof answered === 'function') return answered(response)
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id, ...answered }))
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  return {
    url: `http://127.0.0.1:${port}/rpc/v1`,
    calls,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

export interface TestNotifier extends AsyncDisposable {
  url: string
  subscribers(): number
  /** Tells every subscriber that the head changed. */
  tell(): void
  /** Cuts every connection. */
  breakOff(): void
}

/** The websocket side of a node: `ChainNotify` and nothing else. */
export async function startNotifier({ refuses = false } = {}): Promise<TestNotifier> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  const subscribed = new Set<{ send(text: string): void }>()
  server.on('connection', (socket) => {
    socket.on('close', () => subscribed.delete(socket))
    socket.on('message', (data) => {
      const { id, method } = JSON.parse(String(data)) as { id: number; method: string }
      if (refuses) return socket.send(JSON.stringify({ jsonrpc: '2.0', id, error: { code: 1, message: `no ${method}` } }))
      socket.send(JSON.stringify({ jsonrpc: '2.0', id, result: 5 }))
      subscribed.add(socket)
    })
  })
  return {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}/rpc/v1`,
    subscribers: () => subscribed.size,
    tell() {
      for (const socket of subscribed) socket.send(JSON.stringify({ jsonrpc: '2.0', method: 'xrpc.ch.val', params: [5, []] }))
    },
    breakOff() {
      for (const socket of server.clients) socket.terminate()
      subscribed.clear()
    },
    async [Symbol.asyncDispose]() {
      for (const socket of server.clients) socket.terminate()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
