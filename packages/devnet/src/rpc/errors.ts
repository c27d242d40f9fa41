/** Codes of JSON-RPC 2.0 (section 5.1), and those Lotus adds for its own errors. */
export const rpcCode = {
  parse: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  general: 1,
  actorNotFound: 3,
} as const

/** What a caller is told, in Lotus' words where callers may know them. */
export class LotusError extends Error {
  override readonly name = 'LotusError'
  readonly code: number

  constructor(message: string, code: number = rpcCode.general, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
