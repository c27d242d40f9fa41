import { Failure } from '@keepsake/api/errors.ts'
import { CidParams } from '@keepsake/api/nft.ts'
import { Proof, proofSchemaPath } from '@keepsake/api/proof.ts'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { parseCid } from '../uploads/cid-spelling.ts'
import type { ProofComponents } from './proofs.ts'
import { openProofs } from './proofs.ts'

const tags = ['proofs']

/** Proofs, for anybody, and the schema they are written by. */
export function proofRoutes(components: ProofComponents) {
  const proofs = openProofs(components)
  return async (app: FastifyInstance): Promise<void> => {
    app.route({
      method: 'GET',
      url: '/proof/:cid',
      config: { errors: ['ERROR_INVALID_CID', 'NOT_FOUND', 'ERROR_CONTENT_DAMAGED'] },
      schema: {
        tags,
        operationId: 'getProof',
        summary: 'Proof of where a content lies in pieces for Filecoin',
        description:
          'A document that anybody can check without trusting this server: `npx keepsake verify` does, and the page of the file. There is one as soon as the content is part of a validated aggregate; before that the answer is 404 and says why.',
        params: CidParams,
        response: { 200: Proof, '4xx': Failure },
      },
      handler: async (request) =>
        await proofs.make(parseCid((request as FastifyRequest<{ Params: { cid: string } }>).params.cid)),
    })
    app.route({
      method: 'GET',
      url: proofSchemaPath,
      schema: {
        tags,
        operationId: 'getProofSchema',
        summary: 'JSON Schema of proofs, version 1',
        description: 'Stays at this address. A later version gets one of its own.',
        response: { 200: Type.Object({ $schema: Type.String() }, { description: 'A JSON Schema.' }) },
      },
      handler: async (request) => ({
        $schema: 'https://json-schema.org/draft/2020-12/schema',
        $id: `${request.protocol}://${request.host}/api${proofSchemaPath}`,
        ...Proof,
      }),
    })
  }
}
