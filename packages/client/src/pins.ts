import type { RemotePin, RemotePinResults, RemotePinStatus } from '@keepsake/api/pinning.ts'
import type { Connection, RequestOptions } from './connection.ts'
import { request } from './connection.ts'
import { ClientError } from './errors.ts'

// Calls of the Pinning Service API: of a Keepsake server, with a key of scope `all` or `pins`.

interface CallOptions {
  signal?: AbortSignal | undefined
}

async function call<T>(connection: Connection, path: string, options: RequestOptions): Promise<T> {
  const response = await request(connection, `/api/pins${path}`, options)
  const answer = (await response.json().catch(() => undefined)) as T | undefined
  if (typeof answer === 'object' && answer !== null) return answer
  throw new ClientError('UNEXPECTED_ANSWER', `What answers at ${connection.endpoint} is no pinning service.`)
}

/** Asks the server to fetch what is below a CID, and to keep it. */
export async function addPin(connection: Connection, pin: RemotePin, { signal }: CallOptions = {}): Promise<RemotePinStatus> {
  const bytes = Buffer.from(JSON.stringify(pin))
  const body = {
    sizeBytes: bytes.length,
    async *open() {
      yield bytes
    },
  }
  return await call(connection, '', { method: 'POST', headers: { 'content-type': 'application/json' }, body, signal })
}

export async function getPin(connection: Connection, requestId: string, { signal }: CallOptions = {}): Promise<RemotePinStatus> {
  return await call(connection, `/${encodeURIComponent(requestId)}`, { signal })
}

/** Ends a request. Uploads of the same content are not touched. */
export async function deletePin(connection: Connection, requestId: string, { signal }: CallOptions = {}): Promise<void> {
  const response = await request(connection, `/api/pins/${encodeURIComponent(requestId)}`, { method: 'DELETE', signal })
  await response.body?.cancel()
}

export interface ListPinsOptions extends CallOptions {
  statuses: readonly RemotePinStatus['status'][]
  /** Only requests whose name contains this, in any case. */
  name?: string | undefined
  cid?: string | undefined
  /** Requests a page, 1 to 1000. */
  pageSize: number
}

/** The key owner's requests, newest first, a page at a time. */
export async function* listPins(connection: Connection, options: ListPinsOptions): AsyncGenerator<RemotePinResults> {
  const { statuses, name, cid, pageSize, signal } = options
  const query = new URLSearchParams({
    status: statuses.join(),
    limit: String(pageSize),
    ...(name && { name, match: 'ipartial' }),
    ...(cid && { cid }),
  })
  for (;;) {
    const page = await call<RemotePinResults>(connection, `?${query}`, { signal })
    yield page
    const last = page.results.at(-1)
    if (!last || page.count <= page.results.length) return
    query.set('before', last.created)
  }
}
