import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'

/** One server-sent event; `data` goes out as JSON. */
export interface StreamEvent {
  event: string
  id?: string
  data: unknown
}

/** How soon a browser comes back when the connection breaks. */
const retryMs = 1_500

/** A comment: shows both ends, and whatever stands between them, that the other is there. */
export const heartbeat = Symbol('heartbeat')

/**
 * Answers with server-sent events (text/event-stream) until `events` ends or the client goes, which aborts `controller`. An event is
 * asked for only when the ones before it were taken, so a slow reader makes nothing pile up.
 */
export function sendEvents(
  request: FastifyRequest,
  reply: FastifyReply,
  controller: AbortController,
  events: (signal: AbortSignal) => AsyncIterable<StreamEvent | typeof heartbeat>,
): FastifyReply {
  reply.raw.once('close', () => controller.abort())
  if (reply.raw.destroyed) controller.abort()
  const body = Readable.from(linesOf(events(controller.signal), request.log), { objectMode: false, highWaterMark: 1 })
  return reply
    .headers({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store, no-transform',
      // nginx would keep events back until it has a buffer full of them.
      'x-accel-buffering': 'no',
    })
    .send(body)
}

async function* linesOf(
  events: AsyncIterable<StreamEvent | typeof heartbeat>,
  log: { warn(fields: object, message: string): void },
): AsyncGenerator<string> {
  yield `retry: ${retryMs}\n\n`
  try {
    for await (const event of events) yield event === heartbeat ? ': still here\n\n' : textOf(event)
  } catch (error) {
    // The answer has begun: ending it is all that can be said. The client comes back and hears the reason.
    log.warn({ err: error }, 'an event stream ended')
  }
}

function textOf({ event, id, data }: StreamEvent): string {
  return `event: ${event}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`
}
