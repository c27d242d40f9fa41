/** Why a node did not answer a call, as a word a caller can branch on. */
export type RpcErrorCode =
  /** No node could be reached, or none answered in time or in JSON. */
  | 'UNREACHABLE'
  /** A node answered that it will not or cannot. */
  | 'REFUSED'
  /** A node answered something else than was asked for: the wrong shape, or bytes that are not what their CID says. */
  | 'UNTRUE'

/** A call that failed. `rpcCode` is the node's own number where it gave one. */
export class RpcError extends Error {
  override readonly name = 'RpcError'
  readonly code: RpcErrorCode
  readonly method: string
  readonly rpcCode: number | undefined

  constructor(code: RpcErrorCode, method: string, message: string, options?: ErrorOptions & { rpcCode?: number | undefined }) {
    super(`${method}: ${message}`, options)
    this.code = code
    this.method = method
    this.rpcCode = options?.rpcCode
  }
}

/** JSON-RPC 2.0, section 5.1: the number of "there is no such method". */
export const METHOD_NOT_FOUND = -32601
