import type { ProviderReport } from '@keepsake/api/providers.ts'
import type { Connection } from './connection.ts'
import { request } from './connection.ts'
import { ClientError } from './errors.ts'

/** A provider as a router names it (Delegated Routing V1, "Peer Schema"). */
export interface RoutedProvider {
  id: string
  addrs: string[]
  protocols: string[]
}

interface CallOptions {
  signal?: AbortSignal | undefined
}

/** Who provides a CID, as the server finds out at this moment; takes up to `timeoutSeconds`. */
export async function getProviderReport(
  connection: Connection,
  cid: string,
  { timeoutSeconds, signal }: CallOptions & { timeoutSeconds: number },
): Promise<ProviderReport> {
  const response = await request(connection, `/api/providers/${encodeURIComponent(cid)}?timeout=${timeoutSeconds}`, { signal })
  const body = (await response.json().catch(() => undefined)) as { ok?: unknown; value?: ProviderReport } | undefined
  if (body?.ok === true && body.value) return body.value
  throw new ClientError('UNEXPECTED_ANSWER', `What answers at ${connection.endpoint} is not a Keepsake server.`)
}

const texts = (value: unknown): string[] => (Array.isArray(value) ? value.filter((v): v is string => typeof v === 'string') : [])

/** Asks a router (`endpoint`/routing/v1) who provides a CID. */
export async function askRouter(connection: Connection, cid: string, { signal }: CallOptions = {}): Promise<RoutedProvider[]> {
  const { endpoint, maxAttempts, onRetry } = connection
  // A key is nobody's business but the server's that issued it.
  const headers = { accept: 'application/json' }
  const response = await request({ endpoint, maxAttempts, onRetry }, `/routing/v1/providers/${encodeURIComponent(cid)}`, {
    headers,
    signal,
  })
  const body = (await response.json().catch(() => undefined)) as { Providers?: unknown } | undefined
  if (body?.Providers !== null && !Array.isArray(body?.Providers))
    throw new ClientError('UNEXPECTED_ANSWER', `What answers at ${endpoint} is not a router.`)
  return (body.Providers ?? []).map((record: { ID?: unknown; Addrs?: unknown; Protocols?: unknown }) => ({
    id: typeof record.ID === 'string' ? record.ID : '',
    addrs: texts(record.Addrs),
    protocols: texts(record.Protocols),
  }))
}
