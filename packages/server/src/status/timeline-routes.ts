import { Failure } from '@keepsake/api/errors.ts'
import { CidParams, success } from '@keepsake/api/nft.ts'
import { Timeline } from '@keepsake/api/timeline.ts'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import type { GuardComponents } from '../accounts/guard.ts'
import { callerOf, requireStillAllowed } from '../accounts/guard.ts'
import type { Config } from '../config.ts'
import type { Database } from '../database/database.ts'
import type { DatabaseLogger } from '../database/logger.ts'
import { sendEvents } from '../http/event-stream.ts'
import { getTimelineSubject } from '../uploads/timeline.ts'
import { openContentChanges } from './content-changes.ts'
import { openOwnChanges } from './own-changes.ts'
import { streamSlots } from './stream-slots.ts'
import type { TimelineComponents } from './timeline.ts'
import { readTimeline } from './timeline.ts'
import type { Events, Stream } from './timeline-events.ts'
import { timelineEvents, uploadEvents } from './timeline-events.ts'

type Components = GuardComponents & TimelineComponents & { database: Database; log: DatabaseLogger }

/** Which upload a request is about, and from where it is asked. */
function wantedBy(request: FastifyRequest, { PUBLIC_URL }: Config) {
  const { cid } = request.params as { cid: string }
  // `PORT=0` takes any port; which one is known once there is a connection.
  return { userId: callerOf(request).userId, cid, origin: PUBLIC_URL.replace(/:0$/, `:${request.socket.localPort}`) }
}

const tags = ['uploads']
const eventStream = { content: { 'text/event-stream': { schema: Type.String() } } }
const lastEventId = Type.Object({
  'last-event-id': Type.Optional(Type.String({ description: 'The `id` of the last event seen, from a client that comes back.' })),
})
const streamNotes = `A server-sent event stream: it goes on until you close it, with a comment every 20 seconds at most. Come back with \`Last-Event-ID\` when it breaks; browsers do so by themselves. An event \`end\` with \`{ "code", "message" }\` says why it ends for good: the upload was deleted, you were signed out, the key was revoked.`

/** What became of uploads, once and as it happens. */
export function timelineRoutes(components: Components) {
  const { config } = components
  return async (app: FastifyInstance): Promise<void> => {
    const changes = openContentChanges(components)
    const ownChanges = openOwnChanges({ ...components, changes })
    const slots = streamSlots()
    app.addHook('preClose', async () => slots.close())
    app.addHook('onClose', async () => await changes[Symbol.asyncDispose]())

    const stream = (request: FastifyRequest, reply: FastifyReply, eventsOf: (one: Stream) => Events) => {
      const { userId } = callerOf(request)
      const slot = slots.take(userId)
      reply.raw.once('close', () => slot[Symbol.dispose]())
      // Who left before this is not heard leaving.
      if (reply.raw.destroyed) slot[Symbol.dispose]()
      const header = request.headers['last-event-id']
      return sendEvents(request, reply, slot.controller, (signal) =>
        eventsOf({
          userId,
          signal,
          lastEventId: typeof header === 'string' ? header : undefined,
          requireStillAllowed: () => requireStillAllowed(components, request),
        }),
      )
    }

    app.route({
      method: 'GET',
      url: '/:cid/timeline',
      config: { right: 'read' },
      schema: {
        tags,
        operationId: 'getTimeline',
        summary: 'What became of one of your uploads, step by step',
        description:
          'In the order in which steps become true, with evidence for each. Steps that this server does not take are not in it.',
        params: CidParams,
        response: { 200: success(Timeline), '4xx': Failure },
      },
      handler: async (request) => ({ ok: true, value: await readTimeline(components, wantedBy(request, config)) }),
    })
    app.route({
      method: 'GET',
      url: '/:cid/events',
      config: { right: 'read', errors: ['ERROR_RATE_LIMITED'] },
      schema: {
        tags,
        operationId: 'watchTimeline',
        summary: 'The same as it happens',
        description: `${streamNotes}\n\nAn event \`timeline\` carries the whole timeline, at the beginning and whenever it changes; its \`id\` names the state.`,
        params: CidParams,
        headers: lastEventId,
        response: { 200: eventStream, '4xx': Failure },
      },
      handler: async (request, reply) => {
        // What is not there is refused in the ordinary way, before the stream begins.
        const wanted = wantedBy(request, config)
        await getTimelineSubject(components, wanted)
        return stream(request, reply, (one) => timelineEvents({ ...components, changes }, wanted, one))
      },
    })
    app.route({
      method: 'GET',
      url: '/events',
      config: { right: 'read', errors: ['ERROR_RATE_LIMITED'] },
      schema: {
        tags,
        operationId: 'watchUploads',
        summary: 'What becomes of your uploads, as it happens',
        description: `${streamNotes}\n\nAn event \`uploads\` carries \`{ "cids", "isAll" }\`: uploads of yours that are new, or of which something became; \`isAll\` where there may be more than those named.`,
        headers: lastEventId,
        response: { 200: eventStream, '4xx': Failure },
      },
      handler: async (request, reply) => stream(request, reply, (one) => uploadEvents({ ownChanges }, one)),
    })
  }
}
