import { once } from 'node:events'
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import type { Answer } from './api.ts'

export interface RawCall {
  method?: string
  path?: string
  headers?: Record<string, string>
}

/** A request whose body the test writes itself, byte by byte; what `fetch` would repair or refuse is sent as it is. */
export function open(url: string, { method = 'POST', path = '/', headers = {} }: RawCall): ClientRequest {
  const { hostname, port } = new URL(url)
  return request({ hostname, port, method, path, headers, agent: false })
}

/** The answer to a request made with `open`; rejects when the connection ends without one. */
export async function answerTo(pending: ClientRequest): Promise<Answer> {
  const [response] = (await once(pending, 'response')) as [IncomingMessage]
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += chunk
  const headers = new Headers()
  for (const [name, value] of Object.entries(response.headers)) headers.set(name, String(value))
  return { status: response.statusCode as number, headers, text }
}

export async function rawCall(url: string, call: RawCall, body?: Uint8Array | string): Promise<Answer> {
  const pending = open(url, call)
  const answer = answerTo(pending)
  pending.end(body)
  return await answer
}

/** Sends bytes to the port and gives everything that comes back until the server closes, or `timeoutMs` pass. */
export async function exchange(url: string, bytes: Uint8Array | string, timeoutMs = 5_000): Promise<string> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  let text = ''
  socket.setEncoding('latin1').on('data', (part) => (text += part))
  socket.on('error', () => {})
  socket.write(bytes)
  socket.setTimeout(timeoutMs, () => socket.destroy())
  await once(socket, 'close')
  return text
}
