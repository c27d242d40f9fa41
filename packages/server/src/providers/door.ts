import { randomUUID } from 'node:crypto'
import { formatAddress, idAddress } from '@keepsake/filecoin/address.ts'
import { spidScheme } from '@keepsake/filecoin/spid.ts'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { placeOf } from '../accounts/sign-in/attempts.ts'
import type { Chain } from '../chain/chain.ts'
import { type ChainSource, devnetLabel } from '../chain/source.ts'
import type { Config } from '../config.ts'
import type { Database, Db } from '../database/database.ts'
import { KeepsakeError } from '../errors.ts'
import { asKeepsakeError } from '../http/reply-error.ts'
import { type PortalCall, recordRequest } from './audit.ts'
import type { Authorizer, Identified } from './authorize.ts'
import { envelope, refusalOf, type Said } from './envelope.ts'
import type { Provider } from './providers.ts'
import { codeOfAll, type Refusal } from './refusals.ts'
import { findProvider } from './registered.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What is asked of the portal for storage providers. */
    portal?: PortalCall
  }
}

/** What is known of a request to the portal while it is answered. */
export interface Asked {
  id: string
  startedAt: number
  place: string
  call: PortalCall
  pieceCid?: string | undefined
  source?: ChainSource
  epoch?: number
  who?: Identified
  provider?: Provider | undefined
}

/** With someone who is who they say. */
export interface Known extends Asked {
  source: ChainSource
  epoch: number
  who: Identified
}

/** With someone who may have pieces. */
export interface Allowed extends Known {
  provider: Provider
}

export interface DoorComponents {
  config: Pick<Config, 'MAINTENANCE'>
  database: Pick<Database, 'kysely'>
  /** Undefined where there is no Filecoin network. */
  chain: Chain | undefined
  authorizer: Authorizer
  /** The address of this server, for links. */
  publicUrl(): string
}

/** Calls for those that are not registered too: one says that they are not, one asks for it. */
const forAll: readonly PortalCall[] = ['status', 'register']
const retryAfterSeconds: Readonly<Record<number, number>> = { 429: 60, 503: 5 }
const maxNotedCharacters = 200

/** Who is let into the portal, what is noted of it, and how every answer leaves. */
export type Door = ReturnType<typeof openDoor>

export function openDoor({ config, database, chain, authorizer, publicUrl }: DoorComponents) {
  const asked = new WeakMap<FastifyRequest, Asked>()

  function begin(request: FastifyRequest): Asked {
    const { portal: call = 'status' } = request.routeOptions.config
    const pieceCid = (request.params as { pieceCid?: string } | null)?.pieceCid?.slice(0, maxNotedCharacters)
    return { id: randomUUID(), startedAt: performance.now(), place: placeOf(request), call, pieceCid }
  }

  async function note(
    one: Asked,
    status: number,
    refusals: readonly Refusal[] = [],
    { dealId, db = database }: { dealId?: number | undefined; db?: Db } = {},
  ) {
    await recordRequest(db, {
      ...one,
      network: one.source?.network ?? '',
      actorId: one.who?.actorId,
      headerHash: one.who?.headerHash,
      pieceCid: one.pieceCid,
      status,
      errorCode: refusals.length > 0 ? codeOfAll(refusals) : undefined,
      reason: refusals.map(({ line }) => line).join('\n') || undefined,
      dealId,
      tookMs: performance.now() - one.startedAt,
    })
  }

  return {
    note,
    askedBy: (request: FastifyRequest): Allowed => asked.get(request) as Allowed,

    /** Before anything else of a request is looked at. */
    async admit(request: FastifyRequest): Promise<void> {
      const one = begin(request)
      asked.set(request, one)
      const mode = one.call === 'request_piece' || one.call === 'register' ? 'w' : 'r'
      if (!config.MAINTENANCE.includes(mode))
        throw new KeepsakeError('ERROR_MAINTENANCE', `The server is in maintenance (${config.MAINTENANCE}); try again later.`)
      const claim = authorizer.read(request.headers.authorization)
      one.source = await requireChain(chain).source()
      one.epoch = await requireChain(chain).epochNow()
      one.who = await authorizer.identify(claim, one.place)
      one.provider = await findProvider(database, one.source.network, one.who.actorId)
      if (!one.provider && !forAll.includes(one.call))
        throw new KeepsakeError('ERROR_NOT_REGISTERED', notRegisteredLine(one.who.actorId, one.source.network, publicUrl()))
    },

    /** An answer: 200, or 403 with every reason. */
    say(reply: FastifyReply, one: Asked, said: Omit<Said, 'requestId' | 'epoch' | 'status'>): object {
      const status = said.refusals && said.refusals.length > 0 ? 403 : 200
      reply.code(status)
      const infoLines = [...(said.infoLines ?? []), ...(one.source?.isDevnet ? [devnetLabel] : [])]
      return envelope({ ...said, infoLines, requestId: one.id, epoch: one.epoch, status })
    },

    /** What goes wrong leaves in the same envelope. */
    async refuse(thrown: unknown, request: FastifyRequest, reply: FastifyReply): Promise<object> {
      const error = asKeepsakeError(thrown)
      const one = asked.get(request) ?? begin(request)
      const { status } = error
      if (error.isTrouble) request.log.error({ err: error }, error.message)
      const refusal = refusalOf(error)
      // What is over the limit is not noted one by one: that would be a way to fill the disk.
      if (status !== 429)
        await note(one, status, [refusal]).catch((err: unknown) => request.log.error({ err }, 'a refused request was not noted'))
      reply.code(status)
      if (status === 401) reply.header('www-authenticate', spidScheme)
      const seconds = retryAfterSeconds[status]
      if (seconds !== undefined) reply.header('retry-after', seconds)
      return envelope({ requestId: one.id, epoch: one.epoch, status, refusals: [refusal], response: null })
    },
  }
}

/** @throws KeepsakeError `ERROR_UNAVAILABLE` */
export function requireChain(chain: Chain | undefined): Chain {
  if (!chain) throw new KeepsakeError('ERROR_UNAVAILABLE', 'This server makes no Filecoin deals: FILECOIN_RPC is off.')
  return chain
}

export function notRegisteredLine(actorId: number, network: string, publicUrl: string): string {
  const name = formatAddress(idAddress(actorId))
  return (
    `${name} is who it says, and is not registered here on ${network}. ` +
    `Only storage providers that the operator has registered get pieces; ${publicUrl}/providers says how to ask for it.`
  )
}
