import { Failure } from '@keepsake/api/errors.ts'
import { success } from '@keepsake/api/nft.ts'
import { Did, RegisterDid, UserTags } from '@keepsake/api/users.ts'
import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import type { Db } from '../database/database.ts'
import { KeepsakeError } from '../errors.ts'
import { bearerToken, requireRight } from './authenticate.ts'
import { callerOf } from './guard.ts'
import type { Ucans } from './ucan.ts'
import { registerDid } from './users.ts'

export interface UserComponents {
  database: Db
  ucans: Ucans
}

const tags = ['users']

/** DIDs, the UCANs issued for them, and what an account may do, as nft.storage had them. */
export function userRoutes(components: UserComponents) {
  const { ucans } = components
  return async (app: FastifyInstance): Promise<void> => {
    app.route({
      method: 'GET',
      url: '/did',
      schema: {
        tags,
        operationId: 'getServiceDid',
        summary: "This service's DID",
        description: 'The audience of request tokens (UCANs), and the issuer of root tokens.',
        response: { 200: success(Did) },
      },
      handler: async () => ({ ok: true, value: ucans.did }),
    })
    app.route({
      method: 'POST',
      url: '/user/did',
      config: { right: 'manage', mode: 'w', errors: ['ERROR_INVALID_DID', 'CONFLICT', 'ERROR_ACCOUNT_RESTRICTED'] },
      attachValidation: true,
      schema: {
        tags,
        operationId: 'registerDid',
        summary: 'Register the DID that may hand on your right to upload',
        description: 'One DID for each account. Registering another makes the root tokens of the former one worthless.',
        body: RegisterDid,
        response: { 200: success(Did), '4xx': Failure },
      },
      handler: async (request) => {
        const caller = callerOf(request)
        // Whoever may not upload may not let others do it.
        requireRight(caller, 'upload')
        const { did } = (request.body ?? {}) as { did?: unknown }
        if (typeof did !== 'string' || did === '') throw new KeepsakeError('BAD_REQUEST', 'did property is required.')
        return { ok: true, value: await registerDid(components, caller.userId, did) }
      },
    })
    app.route({
      method: 'POST',
      url: '/ucan/token',
      config: { right: 'upload', mode: 'w', ucan: true, errors: ['ERROR_DID_NOT_FOUND'] },
      schema: {
        tags,
        operationId: 'createRootUcan',
        summary: 'Get a root UCAN for your DID',
        description:
          'Valid for two weeks, for `upload/*` below `storage://<your DID>`. What is delegated from it may upload to your account. ' +
          'Instead of an API key, a request token that your DID signed itself renews it.',
        response: { 200: success(Type.String({ description: 'The root UCAN, a JWT.' })), '4xx': Failure },
      },
      handler: async (request) => {
        const { did, credential } = callerOf(request)
        if (did === null) throw new KeepsakeError('ERROR_DID_NOT_FOUND', 'User does not have a DID registered.')
        const token = credential ? ucans.renew(bearerToken(request.headers.authorization), did) : ucans.issue(did)
        return { ok: true, value: await token }
      },
    })
    app.route({
      method: 'GET',
      url: '/user/tags',
      config: { right: 'read' },
      schema: {
        tags,
        operationId: 'getUserTags',
        summary: 'What your account may do',
        response: { 200: success(UserTags), '4xx': Failure },
      },
      handler: async (request) => {
        const { uploadsRestricted, deletesRestricted, storageLimitBytes } = callerOf(request)
        const value = {
          HasAccountRestriction: uploadsRestricted,
          HasPsaAccess: true,
          HasDeleteRestriction: deletesRestricted,
          HasSuperHotAccess: false,
          StorageLimitBytes: storageLimitBytes === null ? '' : String(storageLimitBytes),
        }
        return { ok: true, value }
      },
    })
  }
}
