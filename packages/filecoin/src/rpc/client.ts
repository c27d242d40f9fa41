import { RpcError } from './errors.ts'
import { readBounded } from './read-bounded.ts'

/** A Filecoin node that speaks Lotus JSON-RPC, as in `https://node.example.org/rpc/v1`. */
export interface RpcEndpoint {
  url: string
  /** Bearer token; calls that read need none. */
  token?: string | undefined
}

export interface RpcOptions {
  /** In order of preference; never empty. */
  endpoints: readonly RpcEndpoint[]
  /** For one call to one node. */
  timeoutMs?: number
  /** Largest answer that is read. */
  maxAnswerBytes?: number
  fetch?: typeof fetch
}

export interface CallOptions {
  signal?: AbortSignal | undefined
}

export interface Rpc {
  /**
   * Calls `Filecoin.<method>`. A node that cannot be reached, does not answer in time, or does not know the method is passed over for the next.
   *
   * @throws RpcError `UNREACHABLE` where none is left, `REFUSED` with the node's own words
   */
  call(method: string, params: readonly unknown[], options?: CallOptions): Promise<unknown>
  /** The node that answered last. */
  readonly endpoint: RpcEndpoint
  readonly endpointCount: number
  /** Prefers the next node from now on, because what this one answered is not true or of no use. */
  passOver(): void
}

const defaultTimeoutMs = 30_000
const defaultMaxAnswerBytes = 64 * 1024 * 1024
/** JSON-RPC 2.0, section 5.1. */
const METHOD_NOT_FOUND = -32601

interface Answer {
  result?: unknown
  error?: { code?: number; message?: string }
}

function isAnswer(value: unknown): value is Answer {
  return typeof value === 'object' && value !== null && ('result' in value || 'error' in value)
}

/** Statuses a node or what stands before it uses for "not now": another node may do better. */
function isBusy(status: number): boolean {
  return status === 429 || status >= 502
}

export function openRpc({
  endpoints,
  timeoutMs = defaultTimeoutMs,
  maxAnswerBytes = defaultMaxAnswerBytes,
  ...options
}: RpcOptions): Rpc {
  const send = options.fetch ?? fetch
  let preferred = 0
  let lastId = 0

  /** What one node answers. Errors come with any status, also 200: the body says. */
  async function ask(
    { url, token }: RpcEndpoint,
    method: string,
    params: readonly unknown[],
    signal?: AbortSignal,
  ): Promise<Answer> {
    const timeout = AbortSignal.timeout(timeoutMs)
    const response = await send(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
      body: JSON.stringify({ jsonrpc: '2.0', id: ++lastId, method: `Filecoin.${method}`, params }),
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    })
    const text = new TextDecoder().decode(await readBounded(response, maxAnswerBytes))
    if (isBusy(response.status)) throw new Error(`status ${response.status}`)
    const answer: unknown = JSON.parse(text)
    if (!isAnswer(answer)) throw new Error(`status ${response.status} without a JSON-RPC answer`)
    return answer
  }

  return {
    get endpoint() {
      return endpoints[preferred] as RpcEndpoint
    },
    endpointCount: endpoints.length,
    passOver() {
      preferred = (preferred + 1) % endpoints.length
    },
    async call(method, params, { signal } = {}) {
      const failures: Error[] = []
      for (let tried = 0; tried < endpoints.length; tried++) {
        const index = (preferred + tried) % endpoints.length
        const endpoint = endpoints[index] as RpcEndpoint
        try {
          const { result, error } = await ask(endpoint, method, params, signal)
          if (error?.code !== METHOD_NOT_FOUND || tried === endpoints.length - 1) {
            preferred = index
            if (error) throw refusal(method, error)
            return result
          }
        } catch (error) {
          signal?.throwIfAborted()
          if (error instanceof RpcError) throw error
          failures.push(new Error(`${new URL(endpoint.url).host}: ${(error as Error).message}`, { cause: error }))
        }
      }
      const reasons = failures.map(({ message }) => message).join('; ')
      throw new RpcError('UNREACHABLE', method, `no Filecoin node answers (${reasons})`, { cause: failures.at(-1) })
    },
  }
}

function refusal(method: string, { code, message }: NonNullable<Answer['error']>): RpcError {
  return new RpcError('REFUSED', method, message ?? 'refused without a reason', { rpcCode: code })
}
