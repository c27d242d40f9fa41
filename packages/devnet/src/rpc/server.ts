import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'
import { answerCall, readCall, refusal } from './calls.ts'
import { rpcCode } from './errors.ts'
import type { Methods } from './methods.ts'
import { openSubscriptions } from './subscriptions.ts'
import type { NodeView } from './view.ts'

/** A message of 1 MiB in base64, and what stands around it. */
const maxRequestBytes = 4 * 1024 * 1024
const paths = ['/rpc/v1', '/rpc/v0']
/** Pages may ask, as they may ask public nodes: nothing here is secret, and what changes something is signed. */
const anyPage = { 'access-control-allow-origin': '*' }
const preflight = {
  'access-control-allow-methods': 'POST',
  'access-control-allow-headers': 'content-type',
  // A browser asks before a page that is not of this machine reaches it.
  'access-control-allow-private-network': 'true',
  'access-control-max-age': '3600',
}

export interface RpcServer {
  port: number
  close(): Promise<void>
}

export interface RpcServerOptions {
  view: NodeView
  methods: Methods
  /** 0 for any that is free. */
  port: number
  onTrouble(error: unknown): void
}

/** Serves the methods on loopback: by POST, and over websockets with `ChainNotify` besides. */
export async function serveRpc({ view, methods, port, onTrouble }: RpcServerOptions): Promise<RpcServer> {
  const server = createServer((request, response) => {
    answerRequest(methods, request, response, onTrouble).catch((error: unknown) => {
      onTrouble(error)
      response.destroy()
    })
  })
  const sockets = new WebSocketServer({ noServer: true, maxPayload: maxRequestBytes })
  server.on('upgrade', (request, socket, head) => {
    if (!isRpcPath(request)) socket.destroy()
    else sockets.handleUpgrade(request, socket, head, (client) => openSubscriptions({ view, methods, client, onTrouble }))
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      for (const client of sockets.clients) client.terminate()
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

function isRpcPath({ url }: IncomingMessage): boolean {
  return paths.includes(new URL(url ?? '/', 'http://localhost').pathname)
}

async function answerRequest(
  methods: Methods,
  request: IncomingMessage,
  response: ServerResponse,
  onTrouble: (error: unknown) => void,
): Promise<void> {
  const reply = (status: number, body: unknown) => {
    response.writeHead(status, { 'content-type': 'application/json', ...anyPage }).end(JSON.stringify(body))
  }
  if (request.method === 'OPTIONS') return void response.writeHead(204, { ...anyPage, ...preflight }).end()
  if (!isRpcPath(request)) return reply(404, refusal(null, rpcCode.invalidRequest, `Nothing is here; ask ${paths.join(' or ')}.`))
  if (request.method !== 'POST') return reply(405, refusal(null, rpcCode.invalidRequest, 'Calls come by POST or a websocket.'))
  const text = await readBody(request)
  if (text === undefined) return reply(413, refusal(null, rpcCode.invalidRequest, `A call has at most ${maxRequestBytes} bytes.`))
  const call = readCall(text)
  if (!('method' in call)) return reply(200, call)
  reply(200, await answerCall(methods, call, onTrouble))
}

async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > maxRequestBytes) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}
