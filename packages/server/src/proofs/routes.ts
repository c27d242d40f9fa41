import { Failure } from '@keepsake/api/errors.ts'
import { CidParams } from '@keepsake/api/nft.ts'
import { Proof, proofSchemaPath } from '@keepsake/api/proof.ts'
import { findCid } from '@keepsake/content/hash/cid-text.ts'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { CID } from 'multiformats/cid'
import Type from 'typebox'
import { KeepsakeError } from '../errors.ts'
import { isUnchanged } from '../http/conditions.ts'
import type { ProofComponents } from './proofs.ts'
import { openProofs } from './proofs.ts'

const tags = ['proofs']

/** A proof is of the content, however its CID is spelled. */
function parseAnyCid(text: string): CID {
  const cid = findCid(text)
  if (!cid) throw new KeepsakeError('ERROR_INVALID_CID', `Invalid CID: ${text}`)
  return cid
}

/** A proof is another one when deals are: whoever keeps it asks whether it still is the same. That there is none yet is true for a moment only. */
const revalidate = async (_request: unknown, reply: FastifyReply) => void reply.header('cache-control', 'no-cache')
/** What a version of the schema says does not change. */
const schemaMaxAge = 'public, max-age=86400'

/** Proofs, for anybody, and the schema they are written by. */
export function proofRoutes(components: ProofComponents) {
  const proofs = openProofs(components)
  return async (app: FastifyInstance): Promise<void> => {
    app.route({
      method: 'GET',
      url: '/proof/:cid',
      config: { errors: ['ERROR_INVALID_CID', 'NOT_FOUND', 'ERROR_CONTENT_DAMAGED'] },
      onRequest: revalidate,
      schema: {
        tags,
        operationId: 'getProof',
        summary: 'Proof of where a content lies in pieces for Filecoin',
        description:
          'A document that anybody can check without trusting this server: `npx keepsake verify` does, and the page of the file. There is one as soon as the content is part of a validated aggregate; before that the answer is 404 and says why.',
        params: CidParams,
        response: { 200: Proof, '4xx': Failure },
      },
      handler: async (request, reply) => {
        const proof = await proofs.make(parseAnyCid((request.params as { cid: string }).cid))
        const etag = `"${proof.checksum}"`
        reply.header('etag', etag)
        return isUnchanged(request.headers['if-none-match'], etag) ? await reply.code(304).send() : proof
      },
    })
    app.route({
      method: 'GET',
      url: proofSchemaPath,
      schema: {
        tags,
        operationId: 'getProofSchema',
        summary: 'JSON Schema of proofs, version 1',
        description: 'Stays at this address. A later version gets one of its own.',
        response: { 200: Type.Object({ $schema: Type.String() }, { additionalProperties: true, description: 'A JSON Schema.' }) },
      },
      handler: async (request, reply) => {
        reply.header('cache-control', schemaMaxAge)
        return {
          $schema: 'https://json-schema.org/draft/2020-12/schema',
          $id: `${request.protocol}://${request.host}/api${proofSchemaPath}`,
          ...Proof,
        }
      },
    })
  }
}
