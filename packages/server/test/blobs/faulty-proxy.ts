import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'

/** What goes wrong with one request; `pass` is nothing. */
export type Fault =
  | { kind: 'pass' }
  /** The connection is cut after so many bytes of the answer's body. */
  | { kind: 'cut'; afterBytes: number }
  /** The answer stops coming after so many bytes, the connection stays. */
  | { kind: 'stall'; afterBytes: number }
  /** The proxy answers in place of the store. */
  | { kind: 'status'; status: number }
  /** The connection is cut while the request is still being sent. */
  | { kind: 'cut-request'; afterBytes: number }
  /** The store does its work, the answer is lost. */
  | { kind: 'lost-answer' }

export interface FaultyProxy {
  endpoint: string
  stop(): Promise<void>
}

/** A real HTTP proxy in front of an S3 server on this machine. It passes the `Host` on as it is, since that is signed. */
export async function startFaultyProxy(targetPort: number, faultOf: (request: IncomingMessage) => Fault): Promise<FaultyProxy> {
  const server = createServer((incoming, outgoing) => {
    incoming.on('error', () => {})
    outgoing.on('error', () => {})
    const fault = faultOf(incoming)
    if (fault.kind === 'status') return refuse(incoming, outgoing, fault.status)
    const upstream = request({
      host: '127.0.0.1',
      port: targetPort,
      method: incoming.method!,
      path: incoming.url!,
      headers: incoming.headers,
    })
    upstream.on('error', () => outgoing.destroy())
    upstream.on('response', (answer) => answerWith(answer, outgoing, fault))
    let received = 0
    incoming.on('data', (chunk: Buffer) => {
      received += chunk.length
      if (fault.kind !== 'cut-request' || received < fault.afterBytes) return
      incoming.socket.destroy()
      upstream.destroy()
    })
    outgoing.on('close', () => upstream.destroy())
    incoming.pipe(upstream)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    endpoint: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

function refuse(incoming: IncomingMessage, outgoing: ServerResponse, status: number) {
  incoming.resume()
  const code = status === 503 ? 'SlowDown' : 'InternalError'
  outgoing.writeHead(status, { 'content-type': 'application/xml' })
  outgoing.end(
    incoming.method === 'HEAD' ? undefined : `<?xml version="1.0"?><Error><Code>${code}</Code><Message>not now</Message></Error>`,
  )
}

function answerWith(answer: IncomingMessage, outgoing: ServerResponse, fault: Fault) {
  answer.on('error', () => outgoing.destroy())
  if (fault.kind === 'lost-answer') {
    answer.resume()
    answer.on('end', () => outgoing.destroy())
    return
  }
  outgoing.writeHead(answer.statusCode!, answer.headers)
  outgoing.flushHeaders()
  if (fault.kind !== 'cut' && fault.kind !== 'stall') {
    answer.pipe(outgoing)
    return
  }
  let sent = 0
  answer.on('data', (chunk: Buffer) => {
    if (sent > 0 && sent >= fault.afterBytes) return
    const part = chunk.subarray(0, fault.afterBytes - sent)
    sent += part.length
    outgoing.write(part, () => {
      if (sent >= fault.afterBytes && fault.kind === 'cut') outgoing.destroy()
    })
  })
  answer.on('end', () => {
    if (sent < fault.afterBytes) outgoing.end()
  })
}
