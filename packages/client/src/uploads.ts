import type { Check, Nft } from '@keepsake/api/nft.ts'
import type { Version } from '@keepsake/api/service.ts'
import type { StorageProviders } from '@keepsake/api/storage-providers.ts'
import type { Timeline } from '@keepsake/api/timeline.ts'
import type { Connection, RequestOptions } from './connection.ts'
import { request } from './connection.ts'
import { ClientError, isClientError } from './errors.ts'

interface CallOptions {
  signal?: AbortSignal | undefined
}

/** The `value` of an answer of the native API. @throws ClientError `UNEXPECTED_ANSWER` when the answer is not one. */
async function valueIn<T>(connection: Connection, response: Response): Promise<T> {
  const body = (await response.json().catch(() => undefined)) as { ok?: unknown; value?: unknown } | undefined
  if (body?.ok === true && body.value !== undefined) return body.value as T
  throw new ClientError('UNEXPECTED_ANSWER', `What answers at ${connection.endpoint} is not a Keepsake server.`)
}

async function call<T>(connection: Connection, path: string, options: RequestOptions): Promise<T> {
  return await valueIn<T>(connection, await request(connection, path, options))
}

export interface CarUpload {
  /** Opens the CAR anew; it is read once for each attempt. */
  open(): AsyncIterable<Uint8Array>
  sizeBytes: number
  name?: string | undefined
}

/** Stores one CAR with exactly one root. The server checks every block of it. */
export async function uploadCar(
  connection: Connection,
  { open, sizeBytes, name }: CarUpload,
  { signal }: CallOptions = {},
): Promise<Nft> {
  return await call<Nft>(connection, '/api/upload', {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.ipld.car', ...(name && { 'x-name': encodeURIComponent(name) }) },
    body: { sizeBytes, open },
    signal,
  })
}

/** One of the key owner's uploads. */
export async function getUpload(connection: Connection, cid: string, { signal }: CallOptions = {}): Promise<Nft> {
  return await call<Nft>(connection, `/api/${encodeURIComponent(cid)}`, { signal })
}

/** What became of one of the key owner's uploads, step by step. */
export async function getTimeline(connection: Connection, cid: string, { signal }: CallOptions = {}): Promise<Timeline> {
  return await call<Timeline>(connection, `/api/${encodeURIComponent(cid)}/timeline`, { signal })
}

/** What anybody may know of a CID; no key needed. */
export async function checkCid(connection: Connection, cid: string, { signal }: CallOptions = {}): Promise<Check> {
  return await call<Check>(connection, `/api/check/${encodeURIComponent(cid)}`, { signal })
}

/**
 * Finds out whether the key is one, so that nobody sends a gigabyte to learn that it is not. A key that may not list is still a key.
 *
 * @throws ClientError `REFUSED` with what the server says of the key
 */
export async function checkKey(connection: Connection, { signal }: CallOptions = {}): Promise<void> {
  try {
    const response = await request(connection, '/api/?limit=1', { signal })
    await valueIn(connection, response)
  } catch (error) {
    if (!isClientError(error, 'REFUSED') || error.apiCode !== 'ERROR_TOKEN_SCOPE') throw error
  }
}

/** Removes an upload from its owner's list. */
export async function deleteUpload(connection: Connection, cid: string, { signal }: CallOptions = {}): Promise<void> {
  const response = await request(connection, `/api/${encodeURIComponent(cid)}`, { method: 'DELETE', signal })
  await response.body?.cancel()
}

/** Who takes pieces of a server, and on which network. */
export async function getStorageProviders(connection: Connection, { signal }: CallOptions = {}): Promise<StorageProviders> {
  return await call<StorageProviders>(connection, '/api/storage-providers', { signal })
}

export async function getVersion(connection: Connection, { signal }: CallOptions = {}): Promise<Version> {
  const response = await request(connection, '/api/version', { signal })
  const version = (await response.json().catch(() => undefined)) as Version | undefined
  if (typeof version?.version === 'string' && typeof version.mode === 'string') return version
  throw new ClientError('UNEXPECTED_ANSWER', `What answers at ${connection.endpoint} is not a Keepsake server.`)
}

export interface ListOptions extends CallOptions {
  /** Only uploads whose name contains this. */
  name?: string | undefined
  /** Uploads a page, 1 to 1000. */
  pageSize?: number | undefined
}

export interface UploadPage {
  uploads: Nft[]
  /** How many there are over all pages. */
  count: number
}

/** The key owner's uploads, newest first, a page at a time. */
export async function* listUploads(connection: Connection, options: ListOptions = {}): AsyncGenerator<UploadPage> {
  const query = new URLSearchParams({ limit: String(options.pageSize ?? 100), ...(options.name && { name: options.name }) })
  for (let next: string | undefined = query.toString(); next !== undefined; ) {
    const response = await request(connection, `/api/?${next}`, { signal: options.signal })
    next = nextQuery(response.headers.get('link'))
    const count = Number(response.headers.get('count'))
    yield { uploads: await valueIn<Nft[]>(connection, response), count }
  }
}

/** Only the query of the link counts: its host is the server's public one, which may not be how it is reached here. */
function nextQuery(link: string | null): string | undefined {
  const target = /<([^>]*)>\s*;\s*rel="?next"?/i.exec(link ?? '')?.[1]
  return target?.split('?')[1]
}
