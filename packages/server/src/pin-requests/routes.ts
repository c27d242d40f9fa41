import type { RemotePinQuery } from '@keepsake/api/pinning.ts'
import {
  PinningFailure,
  RemotePin,
  RemotePinQuery as RemotePinQuerySchema,
  RemotePinResults,
  RemotePinStatus,
  RequestIdParams,
} from '@keepsake/api/pinning.ts'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { callerOf } from '../accounts/guard.ts'
import { errorReplier } from '../http/reply-error.ts'
import { pinningFailure } from './failure.ts'
import type { PinRequestComponents } from './pin-requests.ts'
import { addPinRequest, deletePinRequest, getPinRequest, listPinRequests, replacePinRequest } from './pin-requests.ts'

const tags = ['pinning']
/** Without its title: examples are made of what stands in place. */
const body = Type.Object(RemotePin.properties)
const accepted = { 202: RemotePinStatus, '4xx': PinningFailure }
const idOf = (request: FastifyRequest) => (request.params as { requestid: string }).requestid

/** The IPFS Pinning Service API 1.0.0, with errors in its own shape. Bodies and queries are checked by the part itself, in words. */
export function pinRequestRoutes(components: PinRequestComponents) {
  return async (app: FastifyInstance): Promise<void> => {
    app.setErrorHandler(errorReplier(pinningFailure))
    app.setValidatorCompiler(() => () => true)
    app.route({
      method: 'GET',
      url: '/pins',
      config: { right: 'pins', dialect: 'pinning', errors: ['BAD_REQUEST'] },
      schema: {
        tags,
        operationId: 'listPins',
        summary: 'List your pin requests, newest first',
        querystring: RemotePinQuerySchema,
        response: { 200: RemotePinResults, '4xx': PinningFailure },
      },
      handler: async (request) => await listPinRequests(components, callerOf(request), request.query as RemotePinQuery),
    })
    app.route({
      method: 'POST',
      url: '/pins',
      config: { right: 'pins', mode: 'c', dialect: 'pinning', errors: ['ERROR_INVALID_CID', 'ERROR_ACCOUNT_RESTRICTED'] },
      schema: {
        tags,
        operationId: 'addPin',
        summary: 'Pin what is below a CID',
        description: 'The server fetches it from the network, checks every block, and keeps it.',
        body,
        response: accepted,
      },
      handler: async (request, reply) =>
        await reply.code(202).send(await addPinRequest(components, callerOf(request), request.body)),
    })
    app.route({
      method: 'GET',
      url: '/pins/:requestid',
      config: { right: 'pins', dialect: 'pinning', errors: ['NOT_FOUND'] },
      schema: {
        tags,
        operationId: 'getPin',
        summary: 'Where one of your pin requests stands',
        params: RequestIdParams,
        response: { 200: RemotePinStatus, '4xx': PinningFailure },
      },
      handler: async (request) => await getPinRequest(components, callerOf(request), idOf(request)),
    })
    app.route({
      method: 'POST',
      url: '/pins/:requestid',
      config: {
        right: 'pins',
        mode: 'c',
        dialect: 'pinning',
        errors: ['NOT_FOUND', 'ERROR_INVALID_CID', 'ERROR_ACCOUNT_RESTRICTED', 'ERROR_DELETE_RESTRICTED'],
      },
      schema: {
        tags,
        operationId: 'replacePin',
        summary: 'Pin something in the place of something else',
        description: 'A new request, and the end of the old one, in one step: blocks that both have are kept.',
        params: RequestIdParams,
        body,
        response: accepted,
      },
      handler: async (request, reply) =>
        await reply.code(202).send(await replacePinRequest(components, callerOf(request), idOf(request), request.body)),
    })
    app.route({
      method: 'DELETE',
      url: '/pins/:requestid',
      config: { right: 'pins', mode: 'w', dialect: 'pinning', errors: ['NOT_FOUND', 'ERROR_DELETE_RESTRICTED'] },
      schema: {
        tags,
        operationId: 'deletePin',
        summary: 'End a pin request',
        description: 'Uploads of the same content, yours and others’, are not touched.',
        params: RequestIdParams,
        response: { 202: {}, '4xx': PinningFailure },
      },
      handler: async (request, reply) => {
        await deletePinRequest(components, callerOf(request), idOf(request))
        return await reply.code(202).send()
      },
    })
  }
}
