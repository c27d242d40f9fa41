import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { BackendError } from '../backend.ts'
import { clip, unavailable } from './failure.ts'

/** The answer to a call, its body unread. One of the readers is used, once, to the end; all of them throw what a trailer says. */
export interface Reply {
  status: number
  headers: IncomingHttpHeaders
  /** The body as JSON. @throws BackendError `unavailable` when it is none, is cut off, or is larger than `maxBytes` */
  json(maxBytes?: number): Promise<unknown>
  /** One JSON value a line, as they come. Nothing where the body is empty. */
  lines(): AsyncGenerator<unknown>
  text(maxBytes: number): Promise<string>
  /** Reads and forgets the body. */
  drain(): Promise<void>
}

const maxJsonBytes = 16 * 1024 * 1024
const maxLineBytes = 1024 * 1024

export function replyOf(message: IncomingMessage, url: URL): Reply {
  const { host } = url
  async function* body(): AsyncGenerator<Buffer> {
    try {
      yield* message
    } catch (error) {
      throw unavailable(error, url)
    }
    if (!message.complete) throw new BackendError('unavailable', `${host} broke off its answer`)
    const failure = message.trailers['x-stream-error']
    if (failure) throw new BackendError('refused', `${host}: ${clip(failure)}`)
  }
  const text = async (maxBytes: number) => {
    const chunks: Buffer[] = []
    let totalBytes = 0
    for await (const chunk of body()) {
      totalBytes += chunk.length
      if (totalBytes > maxBytes) throw new BackendError('unavailable', `${host} answered with more than ${maxBytes} bytes`)
      chunks.push(chunk)
    }
    return Buffer.concat(chunks).toString()
  }
  return {
    status: message.statusCode ?? 0,
    headers: message.headers,
    text,
    json: async (maxBytes = maxJsonBytes) => parse(await text(maxBytes), host),
    async *lines() {
      let rest = ''
      const decoder = new TextDecoder()
      for await (const chunk of body()) {
        rest += decoder.decode(chunk, { stream: true })
        if (rest.length > maxLineBytes && !rest.includes('\n')) {
          throw new BackendError('unavailable', `${host} answered with a line of more than ${maxLineBytes} bytes`)
        }
        const lines = rest.split('\n')
        rest = lines.pop() as string
        for (const line of lines) if (line.trim() !== '') yield parse(line, host)
      }
      if (rest.trim() !== '') yield parse(rest, host)
    },
    async drain() {
      for await (const _ of body());
    },
  }
}

function parse(text: string, host: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new BackendError('unavailable', `${host} answered with something that is not JSON`, { cause: error })
  }
}
