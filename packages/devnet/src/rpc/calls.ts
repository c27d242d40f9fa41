import { ChainFormatError } from '@keepsake/filecoin/errors.ts'
import { LotusError, rpcCode } from './errors.ts'
import type { Methods } from './methods.ts'

/** A call as it came. */
export interface Call {
  id: number | string | null
  /** With `Filecoin.`, or a notice of the protocol. */
  method: string
  params: unknown[]
}

export interface Answer {
  jsonrpc: '2.0'
  id: Call['id']
  result?: unknown
  error?: { code: number; message: string }
}

export function refusal(id: Call['id'], code: number, message: string): Answer {
  return { jsonrpc: '2.0', id, error: { code, message } }
}

/** @returns a call, or the answer to what is none */
export function readCall(text: string): Call | Answer {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return refusal(null, rpcCode.parse, 'Parse error: the request is not JSON')
  }
  const { id = null, method, params = [] } = (typeof json === 'object' && json !== null ? json : {}) as Partial<Call>
  if (typeof method !== 'string') return refusal(id, rpcCode.invalidRequest, 'Invalid request: it names no method')
  if (params !== null && !Array.isArray(params)) return refusal(id, rpcCode.invalidParams, 'Invalid params: they are not a list')
  return { id, method, params: params ?? [] }
}

const prefix = 'Filecoin.'

/** Makes the call, and puts what it throws into the answer. What is nobody's fault is told by `onTrouble`, not to the caller. */
export async function answerCall(methods: Methods, call: Call, onTrouble: (error: unknown) => void): Promise<Answer> {
  const { id, method, params } = call
  const name = method.startsWith(prefix) ? method.slice(prefix.length) : ''
  const handler = Object.hasOwn(methods, name) ? methods[name] : undefined
  if (!handler) return refusal(id, rpcCode.methodNotFound, `method '${method}' not found`)
  try {
    return { jsonrpc: '2.0', id, result: await handler(params) }
  } catch (error) {
    if (error instanceof LotusError) return refusal(id, error.code, error.message)
    if (error instanceof TypeError || error instanceof ChainFormatError || error instanceof SyntaxError)
      return refusal(id, rpcCode.invalidParams, `Invalid params: ${error.message}`)
    onTrouble(error)
    return refusal(id, rpcCode.general, 'internal error')
  }
}
