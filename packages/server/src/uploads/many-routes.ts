import { Failure } from '@keepsake/api/errors.ts'
import { CidList, success } from '@keepsake/api/nft.ts'
import type { FastifyInstance } from 'fastify'
import { callerOf } from '../accounts/guard.ts'
import type { Db } from '../database/database.ts'
import { deleteUploads, restoreUploads } from './uploads.ts'

/** What is done with many uploads at once. */
export function manyUploadRoutes(components: { database: Db }) {
  return async (app: FastifyInstance): Promise<void> => {
    app.route({
      method: 'POST',
      url: '/uploads/delete',
      config: { right: 'delete', mode: 'w', errors: ['ERROR_INVALID_CID'] },
      schema: {
        tags: ['uploads'],
        operationId: 'deleteUploads',
        summary: 'Remove many uploads from your list',
        description: 'The value names those that were on it.',
        body: CidList,
        response: { 200: success(CidList), '4xx': Failure },
      },
      handler: async (request) => {
        const { cids } = request.body as CidList
        return { ok: true, value: { cids: await deleteUploads(components, callerOf(request).userId, cids) } }
      },
    })
    app.route({
      method: 'POST',
      url: '/uploads/restore',
      config: { right: 'upload', mode: 'w', errors: ['ERROR_INVALID_CID', 'ERROR_STORAGE_LIMIT'] },
      schema: {
        tags: ['uploads'],
        operationId: 'restoreUploads',
        summary: 'Put uploads that you removed back on your list',
        description: 'Possible until the content is collected (`DELETE_GRACE_HOURS`). The value names those that are back.',
        body: CidList,
        response: { 200: success(CidList), '4xx': Failure },
      },
      handler: async (request) => {
        const { cids } = request.body as CidList
        return { ok: true, value: { cids: await restoreUploads(components, callerOf(request), cids) } }
      },
    })
  }
}
