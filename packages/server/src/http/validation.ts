import Ajv from 'ajv'
import addFormats from 'ajv-formats'
import type { FastifyInstance } from 'fastify'

/**
 * Checks JSON bodies as they are, and makes numbers of texts only where everything is text: in paths, queries and headers. Fastify alone would
 * turn `{"id": [1]}` into 1 everywhere.
 */
export function validateStrictly(app: FastifyInstance): void {
  const options = { useDefaults: true, removeAdditional: false, allErrors: false, strict: false } as const
  const body = addFormats.default(new Ajv.default({ ...options, coerceTypes: false }))
  const rest = addFormats.default(new Ajv.default({ ...options, coerceTypes: true }))
  app.setValidatorCompiler(({ schema, httpPart }) => (httpPart === 'body' ? body : rest).compile(schema as object))
}
