import { Failure } from '@keepsake/api/errors.ts'
import { Check, CidParams, ListQuery, Nft, success, Token } from '@keepsake/api/nft.ts'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { requireRight } from '../accounts/authenticate.ts'
import { callerOf } from '../accounts/guard.ts'
import { authenticateMetaplex } from '../accounts/metaplex.ts'
import type { Config } from '../config.ts'
import type { RateLimit } from '../http/rate-limit.ts'
import { listOwnUploads } from './list.ts'
import { receiveUpload, storeNft } from './receive.ts'
import type { RecordComponents } from './record.ts'
import { checkContent, deleteUpload, getUpload, renameOwnUpload } from './uploads.ts'

export interface UploadComponents extends RecordComponents {
  config: Config
  rateLimit: RateLimit
}

type CidRequest = FastifyRequest<{ Params: { cid: string } }>
const cidOf = (request: FastifyRequest) => (request as CidRequest).params.cid

const ok = Type.Object({ ok: Type.Literal(true) })
const tags = ['uploads']

/** Bodies of any media type, read as they come. */
export function uploadRoutes(components: UploadComponents) {
  return async (app: FastifyInstance): Promise<void> => {
    app.removeAllContentTypeParsers()
    app.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
    app.route({
      method: 'POST',
      url: '/upload',
      config: { right: 'upload', mode: 'c', ucan: true },
      schema: {
        tags,
        summary: 'Store a file, a directory or a CAR',
        description:
          'The body is one file; or a directory as multipart/form-data with parts named `file`; or a CAR (application/vnd.ipld.car or application/car), whole or in several requests with the same root.',
        consumes: ['*/*', 'multipart/form-data', 'application/vnd.ipld.car'],
        response: { 200: success(Nft), '4xx': Failure },
      },
      handler: async (request) => ({ ok: true, value: await receiveUpload(components, request, callerOf(request)) }),
    })
    app.route({
      method: 'POST',
      url: '/metaplex/upload',
      config: { mode: 'c' },
      schema: {
        tags,
        summary: 'Store a CAR with the signature of a Solana key instead of an account',
        description:
          'The header `x-web3auth: Metaplex <jwt>` carries a JWT (EdDSA) whose issuer is the did:key of the Solana key, with `req.put.rootCID`, the root of the CAR, and `req.put.tags.solanaCluster`.',
        headers: Type.Object({ 'x-web3auth': Type.String({ description: '`Metaplex <jwt>`' }) }),
        consumes: ['application/car', 'application/vnd.ipld.car'],
        response: { 200: success(Nft), '4xx': Failure },
      },
      attachValidation: true,
      handler: async (request, reply) => {
        const caller = await authenticateMetaplex(components, request.headers['x-web3auth'])
        requireRight(caller, 'upload')
        components.rateLimit.take(String(caller.credential?.meta.iss), reply)
        return { ok: true, value: await receiveUpload(components, request, caller, 'application/car') }
      },
    })
    app.route({
      method: 'POST',
      url: '/store',
      config: { right: 'upload', mode: 'c' },
      schema: {
        tags,
        summary: 'Store an ERC-1155 token: metadata and its files',
        description: 'multipart/form-data with `meta` (JSON) and files whose part names are dotted paths into it.',
        consumes: ['multipart/form-data'],
        response: { 200: success(Token), '4xx': Failure },
      },
      handler: async (request) => ({ ok: true, value: await storeNft(components, request, callerOf(request)) }),
    })
  }
}

/** What became of uploads. */
export function uploadRecordRoutes(components: UploadComponents) {
  const list = async (request: FastifyRequest, reply: FastifyReply) => {
    const page = await listOwnUploads(components, callerOf(request).userId, request.query as ListQuery)
    reply.header('count', page.count).header('access-control-expose-headers', 'Count, Link')
    if (page.next) reply.header('link', `<${components.config.PUBLIC_URL}/api/?${page.next}>; rel="next"`)
    return { ok: true, value: page.uploads }
  }
  return async (app: FastifyInstance): Promise<void> => {
    app.route({
      method: 'GET',
      url: '/',
      config: { right: 'read' },
      attachValidation: true,
      schema: {
        tags,
        summary: 'List your uploads, newest first',
        querystring: ListQuery,
        response: { 200: success(Type.Array(Nft)), '4xx': Failure },
      },
      handler: list,
    })
    app.route({
      method: 'GET',
      url: '/:cid',
      config: { right: 'read' },
      schema: { tags, summary: 'One of your uploads', params: CidParams, response: { 200: success(Nft), '4xx': Failure } },
      handler: async (request) => ({ ok: true, value: await getUpload(components, callerOf(request).userId, cidOf(request)) }),
    })
    app.route({
      method: 'GET',
      url: '/check/:cid',
      schema: {
        tags,
        summary: 'Whether anybody stored a CID here',
        params: CidParams,
        response: { 200: success(Check), '4xx': Failure },
      },
      handler: async (request) => ({ ok: true, value: await checkContent(components, cidOf(request)) }),
    })
    app.route({
      method: 'PATCH',
      url: '/upload/:cid',
      config: { right: 'upload', mode: 'w' },
      attachValidation: true,
      schema: {
        tags,
        summary: 'Rename an upload',
        params: CidParams,
        body: Type.Object({ name: Type.String() }),
        response: { 200: success(Nft), '4xx': Failure },
      },
      handler: async (request) => {
        const { name } = (request.body ?? {}) as { name?: unknown }
        return { ok: true, value: await renameOwnUpload(components, callerOf(request).userId, cidOf(request), name) }
      },
    })
    app.route({
      method: 'DELETE',
      url: '/:cid',
      config: { right: 'delete', mode: 'w' },
      schema: { tags, summary: 'Remove an upload from your list', params: CidParams, response: { 202: ok, '4xx': Failure } },
      handler: async (request, reply) => {
        await deleteUpload(components, callerOf(request).userId, cidOf(request))
        return await reply.code(202).send({ ok: true })
      },
    })
  }
}
