import { Failure } from '@keepsake/api/errors.ts'
import { Check, CidParams, ListQuery, Nft, success, Token } from '@keepsake/api/nft.ts'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { requireRight } from '../accounts/authenticate.ts'
import { callerOf } from '../accounts/guard.ts'
import { authenticateMetaplex } from '../accounts/metaplex.ts'
import type { Db } from '../database/database.ts'
import type { ErrorCode } from '../errors.ts'
import type { RateLimit } from '../http/rate-limit.ts'
import type { FindDeals } from './deals.ts'
import { listOwnUploads } from './list.ts'
import type { ReceiveComponents } from './receive.ts'
import { receiveUpload, storeNft } from './receive.ts'
import { checkContent, deleteUpload, getUpload, renameOwnUpload } from './uploads.ts'

export interface UploadComponents extends ReceiveComponents {
  database: Db
  findDeals: FindDeals
  rateLimit: RateLimit
}

type CidRequest = FastifyRequest<{ Params: { cid: string } }>
const cidOf = (request: FastifyRequest) => (request as CidRequest).params.cid

const ok = Type.Object({ ok: Type.Literal(true) })
const tags = ['uploads']
const bytes = Type.String({ format: 'binary' })
const nameHeader = { 'x-name': Type.Optional(Type.String({ description: 'What to call it, URI-encoded.' })) }
const listHeaders = {
  Count: Type.Integer({ description: 'How many uploads match, over all pages.' }),
  Link: Type.String({ description: '`<address>; rel="next"`: the next page, where there is one.' }),
}
const metaplexErrors: ErrorCode[] = [
  'ERROR_METAPLEX_TOKEN_NOT_FOUND',
  'ERROR_INVALID_METAPLEX_TOKEN',
  'ERROR_METAPLEX_UPLOADS_OFF',
  'ERROR_ACCOUNT_RESTRICTED',
  'ERROR_RATE_LIMITED',
  'ERROR_INVALID_CAR',
]
const carBody = {
  'application/vnd.ipld.car': { schema: bytes },
  'application/car': { schema: bytes },
}

/** Bodies of any media type, read as they come. */
export function uploadRoutes(components: UploadComponents) {
  return async (app: FastifyInstance): Promise<void> => {
    // The bodies are streams, checked while they are read; their schemas are for people.
    app.setValidatorCompiler(() => () => true)
    app.removeAllContentTypeParsers()
    app.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
    app.route({
      method: 'POST',
      url: '/upload',
      config: { right: 'upload', mode: 'c', ucan: true, errors: ['ERROR_INVALID_CAR', 'ERROR_INVALID_MULTIPART'] },
      schema: {
        tags,
        operationId: 'upload',
        summary: 'Store a file, a directory or a CAR',
        description:
          'The body is one file; or a directory as multipart/form-data with parts named `file`; or a CAR (application/vnd.ipld.car or application/car), whole or in several requests with the same root.',
        headers: Type.Object(nameHeader),
        body: {
          content: {
            '*/*': { schema: bytes },
            'multipart/form-data': { schema: Type.Object({ file: Type.Array(bytes) }) },
            ...carBody,
          },
        },
        response: { 200: success(Nft), '4xx': Failure },
      },
      handler: async (request) => ({ ok: true, value: await receiveUpload(components, request, callerOf(request)) }),
    })
    app.route({
      method: 'POST',
      url: '/metaplex/upload',
      config: { mode: 'c', errors: metaplexErrors },
      schema: {
        tags,
        operationId: 'uploadWithMetaplex',
        summary: 'Store a CAR with the signature of a Solana key instead of an account',
        description:
          'The header `x-web3auth: Metaplex <jwt>` carries a JWT (EdDSA) whose issuer is the did:key of the Solana key, with `req.put.rootCID`, the root of the CAR, and `req.put.tags.solanaCluster`.',
        security: [{ metaplex: [] }],
        headers: Type.Object(nameHeader),
        body: { content: carBody },
        response: { 200: success(Nft), '4xx': Failure },
      },
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
      config: { right: 'upload', mode: 'c', errors: ['ERROR_INVALID_MULTIPART', 'ERROR_INVALID_JSON', 'ERROR_INVALID_METADATA'] },
      schema: {
        tags,
        operationId: 'store',
        summary: 'Store an ERC-1155 token: metadata and its files',
        description: 'multipart/form-data with `meta` (JSON) and files whose part names are dotted paths into it.',
        headers: Type.Object(nameHeader),
        body: {
          content: {
            'multipart/form-data': {
              schema: Type.Object({
                meta: Type.String({
                  contentMediaType: 'application/json',
                  description: 'The metadata.',
                  examples: ['{"name":"Night","description":"A painting","image":null}'],
                }),
                image: Type.Optional(
                  Type.String({ format: 'binary', description: 'The file that becomes `image` in the metadata.' }),
                ),
              }),
            },
          },
        },
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
      config: { right: 'read', errors: ['BAD_REQUEST'] },
      attachValidation: true,
      schema: {
        tags,
        operationId: 'listUploads',
        summary: 'List your uploads, newest first',
        querystring: ListQuery,
        response: { 200: { ...success(Type.Array(Nft)), headers: listHeaders }, '4xx': Failure },
      },
      handler: list,
    })
    app.route({
      method: 'GET',
      url: '/:cid',
      config: { right: 'read' },
      schema: {
        tags,
        operationId: 'getUpload',
        summary: 'One of your uploads',
        params: CidParams,
        response: { 200: success(Nft), '4xx': Failure },
      },
      handler: async (request) => ({ ok: true, value: await getUpload(components, callerOf(request).userId, cidOf(request)) }),
    })
    app.route({
      method: 'GET',
      url: '/check/:cid',
      schema: {
        tags,
        operationId: 'check',
        summary: 'Whether anybody stored a CID here',
        params: CidParams,
        response: { 200: success(Check), '4xx': Failure },
      },
      handler: async (request) => ({ ok: true, value: await checkContent(components, cidOf(request)) }),
    })
    app.route({
      method: 'PATCH',
      url: '/upload/:cid',
      config: { right: 'upload', mode: 'w', errors: ['ERROR_INVALID_NAME'] },
      attachValidation: true,
      schema: {
        tags,
        operationId: 'renameUpload',
        summary: 'Rename an upload',
        params: CidParams,
        body: Type.Object({ name: Type.String({ examples: ['A painting'] }) }),
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
      schema: {
        tags,
        operationId: 'deleteUpload',
        summary: 'Remove an upload from your list',
        params: CidParams,
        response: { 202: ok, '4xx': Failure },
      },
      handler: async (request, reply) => {
        await deleteUpload(components, callerOf(request).userId, cidOf(request))
        return await reply.code(202).send({ ok: true })
      },
    })
  }
}
