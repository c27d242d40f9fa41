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
  /**
   * Looks at a node before its answers count, and again after it was away: whether it is of the network that is meant. `node` is an `Rpc` to it alone.
   *
   * @throws what is wrong with it; then it is passed over
   */
  admit?: (node: Rpc, options: CallOptions) => Promise<void>
}

export interface CallOptions {
  signal?: AbortSignal | undefined
}

export interface Rpc {
  /**
   * Calls `Filecoin.<method>`. A node that cannot be reached, does not answer in time, or refuses is passed over for the next: one that has just started, or
   * has forgotten the past, refuses what another one answers.
   *
   * @throws RpcError `REFUSED` with the words of the first node that refused, where none gives more; else `UNREACHABLE`
   */
  call(method: string, params: readonly unknown[], options?: CallOptions): Promise<unknown>
  /** The node that answered last. */
  readonly endpoint: RpcEndpoint
  readonly endpointCount: number
  /** Each of the nodes, alone. */
  readonly nodes: readonly Rpc[]
  /** Prefers the next node from now on, because what this one answered is not true or of no use. */
  passOver(): void
}

const defaultTimeoutMs = 30_000
const defaultMaxAnswerBytes = 64 * 1024 * 1024

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

export function openRpc({ endpoints, admit, ...options }: RpcOptions): Rpc {
  const ask = asker(options)
  const admitted = new Set<RpcEndpoint>()
  let preferred = 0
  let nodes: Rpc[] | undefined

  async function askAdmitted(endpoint: RpcEndpoint, call: Call, signal?: AbortSignal): Promise<Answer> {
    try {
      if (admit && !admitted.has(endpoint)) await admit(openRpc({ endpoints: [endpoint], ...options }), { signal })
      admitted.add(endpoint)
      return await ask(endpoint, call, signal)
    } catch (error) {
      signal?.throwIfAborted()
      admitted.delete(endpoint)
      throw new Error(`${new URL(endpoint.url).host}: ${(error as Error).message}`, { cause: error })
    }
  }

  return {
    get endpoint() {
      return endpoints[preferred] as RpcEndpoint
    },
    endpointCount: endpoints.length,
    get nodes() {
      nodes ??= endpoints.map((endpoint) => openRpc({ endpoints: [endpoint], ...(admit && { admit }), ...options }))
      return nodes
    },
    passOver() {
      preferred = (preferred + 1) % endpoints.length
    },
    async call(method, params, { signal } = {}) {
      const first = preferred
      const failures: Error[] = []
      let refused: { index: number; error: NonNullable<Answer['error']> } | undefined
      for (let tried = 0; tried < endpoints.length; tried++) {
        const index = (first + tried) % endpoints.length
        try {
          const { result, error } = await askAdmitted(endpoints[index] as RpcEndpoint, { method, params }, signal)
          if (!error) {
            preferred = index
            return result
          }
          refused ??= { index, error }
        } catch (error) {
          signal?.throwIfAborted()
          failures.push(error as Error)
        }
      }
      if (refused) {
        preferred = refused.index
        throw refusal(method, refused.error)
      }
      const reasons = failures.map(({ message }) => message).join('; ')
      throw new RpcError('UNREACHABLE', method, `no Filecoin node answers (${reasons})`, { cause: failures.at(-1) })
    },
  }
}

interface Call {
  method: string
  params: readonly unknown[]
}

/** What one node answers. Errors come with any status, also 200: the body says. */
function asker({
  timeoutMs = defaultTimeoutMs,
  maxAnswerBytes = defaultMaxAnswerBytes,
  fetch: send = fetch,
}: Omit<RpcOptions, 'endpoints' | 'admit'>) {
  let lastId = 0
  return async ({ url, token }: RpcEndpoint, { method, params }: Call, signal?: AbortSignal): Promise<Answer> => {
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
}

function refusal(method: string, { code, message }: NonNullable<Answer['error']>): RpcError {
  return new RpcError('REFUSED', method, message ?? 'refused without a reason', { rpcCode: code })
}
