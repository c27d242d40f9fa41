import { STATUS_CODES } from 'node:http'
import { Failure } from '@keepsake/api/errors.ts'
import { PinningFailure } from '@keepsake/api/pinning.ts'
import type { FastifySchema, RouteOptions } from 'fastify'
import Type from 'typebox'
import { scopesWith } from '../accounts/authenticate.ts'
import type { RouteRules } from '../accounts/guard.ts'
import { type ErrorCode, nativeCodeOf, statusOfCode } from '../errors.ts'
import { pinningReasonOf, pinningStatusOf } from '../pin-requests/failure.ts'

type Responses = Record<string, object>

const keyErrors: ErrorCode[] = [
  'EXPECTED_BEARER_STRING',
  'ERROR_MALFORMED_TOKEN',
  'ERROR_USER_NOT_FOUND',
  'ERROR_TOKEN_NOT_FOUND',
  'ERROR_TOKEN_EXPIRED',
  'ERROR_TOKEN_BLOCKED',
  'ERROR_TOKEN_SCOPE',
  'ERROR_RATE_LIMITED',
  'ERROR_NOT_SIGNED_IN',
  'ERROR_CROSS_SITE',
]
const sessionErrors: Record<NonNullable<RouteRules['session']>, ErrorCode[]> = {
  optional: ['ERROR_CROSS_SITE'],
  needed: ['ERROR_CROSS_SITE', 'ERROR_NOT_SIGNED_IN'],
  admin: ['ERROR_CROSS_SITE', 'ERROR_NOT_SIGNED_IN', 'ERROR_ADMIN_ONLY'],
}
const ucanErrors: ErrorCode[] = ['ERROR_AGENT_DID_REQUIRED', 'ERROR_INVALID_UCAN']
const uploadErrors: ErrorCode[] = [
  'BAD_REQUEST',
  'REQUEST_TIMEOUT',
  'PAYLOAD_TOO_LARGE',
  'ERROR_INVALID_NAME',
  'ERROR_NO_SPACE',
  'ERROR_STORAGE_LIMIT',
]
const cidErrors: ErrorCode[] = ['ERROR_INVALID_CID', 'NOT_FOUND']
const jsonErrors: ErrorCode[] = ['BAD_REQUEST', 'ERROR_INVALID_JSON', 'PAYLOAD_TOO_LARGE']

/** Every code a route may answer, from what it says about itself: a rule that the server enforces is a rule that is documented. */
function errorsOf(rules: RouteRules, schema: FastifySchema): ErrorCode[] {
  const hasCid = Object.hasOwn((schema.params as { properties?: object } | undefined)?.properties ?? {}, 'cid')
  const codes = [
    rules.right ? keyErrors : [],
    rules.session ? sessionErrors[rules.session] : [],
    rules.right === 'upload' ? ['ERROR_ACCOUNT_RESTRICTED' as const] : [],
    rules.right === 'delete' ? ['ERROR_DELETE_RESTRICTED' as const] : [],
    rules.ucan ? ucanErrors : [],
    rules.mode === 'c' ? uploadErrors : schema.body ? jsonErrors : [],
    hasCid ? cidErrors : [],
    rules.errors ?? [],
    ['ERROR_MAINTENANCE' as const, 'ERROR_INTERNAL' as const],
  ].flat()
  return [...new Set(codes)]
}

const inJson = (schema: object) => ({ content: { 'application/json': { schema } } })

/** A route gives the schema of an answer, with the response's headers beside it where there are any. */
function answer(status: string, given: { content?: object; headers?: object }): object {
  const { headers, ...schema } = given
  return { description: STATUS_CODES[status], ...(headers && { headers }), ...(given.content ? schema : inJson(schema)) }
}

interface Dialect {
  schema: object
  statusOf(code: ErrorCode): number
  nameOf(code: ErrorCode): string
  /** What the name of an error is called there. */
  word: string
}

const nativeDialect: Dialect = {
  schema: Failure,
  statusOf: (code) => statusOfCode[code],
  nameOf: nativeCodeOf,
  word: 'code',
}
const dialects: Record<NonNullable<RouteRules['dialect']>, Dialect> = {
  pinning: { schema: PinningFailure, statusOf: pinningStatusOf, nameOf: pinningReasonOf, word: 'reason' },
}

/** Failures by status. Plain mistakes have one code of their own on the native API, whatever they are. */
function failures(codes: readonly ErrorCode[], { schema, statusOf, nameOf, word }: Dialect): Responses {
  const byStatus = Map.groupBy(codes, statusOf)
  const entries = [...byStatus].map(([status, ofStatus]) => {
    const names = [...new Set(ofStatus.map((code) => `\`${nameOf(code)}\``))].join(', ')
    const headers = status === 429 && { headers: { 'Retry-After': Type.Integer({ description: 'Seconds to wait.' }) } }
    return [String(status), { ...inJson(schema), ...headers, description: `Error ${word} ${names}.` }] as const
  })
  return Object.fromEntries(entries)
}

const sessionSentences: Record<NonNullable<RouteRules['session']>, string> = {
  optional: 'Needs nobody signed in.',
  needed: 'Needs a session.',
  admin: 'Needs the session of an administrator.',
}

function authorization({ right, ucan, session }: RouteRules): { security: Record<string, string[]>[]; sentence: string } {
  if (session) return { security: session === 'optional' ? [] : [{ session: [] }], sentence: sessionSentences[session] }
  if (right === undefined) return { security: [], sentence: 'Needs no key.' }
  const scopes = scopesWith(right).map((scope) => `\`${scope}\``)
  const sentence = `Needs an API key of scope ${scopes.join(' or ')}${ucan ? ', or a UCAN with the header `x-agent-did`' : ''}.`
  return { security: [{ apiKey: [] }, ...(ucan ? [{ ucan: [], agentDid: [] }] : []), { session: [] }], sentence }
}

/**
 * What is documented of a route of the API beside its own schema: who may call it, and every way it may fail. A route that says its
 * `security` itself keeps it.
 */
export function documentRules({ schema, route }: { schema: FastifySchema; route: RouteOptions }): FastifySchema {
  const rules: RouteRules = route.config ?? {}
  const { security, sentence } = authorization(rules)
  const { '4xx': _general, ...answers } = (schema.response ?? {}) as Responses
  const responses = Object.fromEntries(Object.entries(answers).map(([status, given]) => [status, answer(status, given)]))
  // `/health` stands outside the API: no guard, no envelope.
  const isGuarded = /^\/(api|account)\b/.test(route.url)
  return {
    ...schema,
    security: schema.security ?? security,
    description: [schema.description, schema.security ? undefined : sentence].filter(Boolean).join('\n\n'),
    response: isGuarded
      ? { ...responses, ...failures(errorsOf(rules, schema), rules.dialect ? dialects[rules.dialect] : nativeDialect) }
      : responses,
  }
}
