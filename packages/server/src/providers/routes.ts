import {
  AskedRegistration,
  EligiblePiece,
  EligibleQuery,
  PendingProposals,
  PortalEnvelope,
  PortalRefusal,
  ProviderStatus,
  RequestedPiece,
  RequestParams,
  RequestQuery,
} from '@keepsake/api/portal.ts'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import type { Config } from '../config.ts'
import type { PortalCall } from './audit.ts'
import { openAuthorizer } from './authorize.ts'
import { type Allowed, type DoorComponents, openDoor, requireChain } from './door.ts'
import type { Said } from './envelope.ts'
import { givePiece, type PortalParts, tellEligible, tellPending, tellStatus } from './portal.ts'
import { askRegistration } from './register.ts'
import { mustMineOn, replicationRules } from './rules.ts'
import { openSpidKeys } from './spid-keys.ts'
import { openStandings } from './standing.ts'

export type PortalComponents = Omit<DoorComponents, 'authorizer' | 'config'> &
  Omit<PortalParts, 'rules' | 'standings' | 'door' | 'config'> & { config: Config }

/** What a call is told, without its envelope. */
type Answering = (asked: Allowed, request: FastifyRequest) => Promise<Omit<Said, 'requestId' | 'epoch' | 'status'>>

const defaultLimit = 500

function isOn(text: string | undefined): boolean {
  return text === 'true' || text === '1' || text === ''
}

function answers(response: Type.TSchema): Record<number, Type.TSchema> {
  const refused = PortalRefusal
  return { 200: PortalEnvelope(response), 400: refused, 401: refused, 403: refused, 429: refused, 503: refused }
}

/** The portal for storage providers, below `/sp`: the self-service API that Spade had. */
export function portalRoutes(components: PortalComponents) {
  const { config, chain } = components
  const rules = replicationRules(config)
  const rpc = () => requireChain(chain).rpc()
  const mustMine = async () => mustMineOn(await requireChain(chain).source(), rules)
  const authorizer = openAuthorizer({ keys: openSpidKeys(rpc), epochNow: () => requireChain(chain).epochNow() })
  const door = openDoor({ ...components, authorizer })
  const parts: PortalParts = { ...components, rules, door, standings: openStandings({ rpc, mustMine }) }

  return async (app: FastifyInstance): Promise<void> => {
    app.addHook(
      'onRequest',
      async (_request, reply) => void reply.headers({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }),
    )
    app.addHook('onRequest', door.admit)
    app.setErrorHandler(door.refuse)
    const route = (call: PortalCall, url: string, schema: object, answer: Answering, method: 'GET' | 'POST' = 'GET') =>
      app.route({
        method,
        url,
        config: { portal: call },
        schema: { tags: ['storage providers'], security: [{ spid: [] }], ...schema },
        handler: async (request: FastifyRequest, reply: FastifyReply) => {
          const asked = door.askedBy(request)
          return door.say(reply, asked, await answer(asked, request))
        },
      })
    route('status', '/status', statusSchema, (asked) => tellStatus(parts, asked))
    route('eligible_pieces', '/eligible_pieces', eligibleSchema, (asked, { query }) => {
      const { limit = defaultLimit, tenant, 'orglocal-only': local } = query as EligibleQuery
      return tellEligible(parts, asked, { limit, tenant, isLocalOnly: isOn(local) })
    })
    route('pending_proposals', '/pending_proposals', pendingSchema, (asked) => tellPending(parts, asked))
    route('request_piece', '/request_piece/:pieceCid', requestSchema, (asked, { params, query }) =>
      givePiece(parts, asked, { ...(params as { pieceCid: string }), tenant: (query as RequestQuery).tenant }),
    )
    route('register', '/register', registerSchema, (asked) => askRegistration(parts, asked), 'POST')
  }
}

const statusSchema = {
  operationId: 'portalStatus',
  summary: 'What the portal knows of the provider',
  response: answers(ProviderStatus),
}

const eligibleSchema = {
  operationId: 'eligiblePieces',
  summary: 'Pieces the provider may take, those that have waited longest first',
  querystring: EligibleQuery,
  response: answers(Type.Array(EligiblePiece)),
}

const pendingSchema = {
  operationId: 'pendingProposals',
  summary: 'Signed proposals that wait to be published',
  response: answers(PendingProposals),
}

const requestSchema = {
  operationId: 'requestPiece',
  summary: 'Take a piece',
  description: 'Reserves the piece for the provider. A refusal is a 403 that names every reason.',
  params: RequestParams,
  querystring: RequestQuery,
  response: answers(RequestedPiece),
}

const registerSchema = {
  operationId: 'askRegistration',
  summary: 'Ask the operator to be registered',
  description:
    'What the provider says of itself is the signed argument of the header: `call=register&organisation=…&city=…&country=…&continent=…`, with ' +
    '`name` and `retrieval_url` where there are any, encoded as a query. Asking again changes what waits.',
  response: { ...answers(AskedRegistration), 409: PortalRefusal },
}
