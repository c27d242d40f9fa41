import type { Sample } from './samples.ts'
import { wholeCarOf } from './samples.ts'

/** What became of a request. Only `acknowledged` promises anything; `unanswered` may have been done all the same. */
export type Outcome =
  | { kind: 'acknowledged'; value: NftAnswer }
  | { kind: 'refused'; status: number; code: string; text: string }
  | { kind: 'unanswered'; text: string }

/** The part of an answer of the API that these tests look at. */
export interface NftAnswer {
  cid: string
  name: string
  parts: string[]
  pin: { status: string }
}

/** Nothing sent here takes a tenth of this; without it a request that is never answered would only look like a slow test. */
const answerTimeoutMs = 60_000

/** The API of one server as one user. */
export interface Api {
  url: string
  key: string
}

export async function send(
  { url, key }: Api,
  method: string,
  path: string,
  { body, headers }: { body?: RequestInit['body']; headers?: Record<string, string> } = {},
): Promise<Outcome> {
  let response: Response
  let text: string
  try {
    response = await fetch(`${url}/api${path}`, {
      method,
      headers: { authorization: `Bearer ${key}`, ...headers },
      ...(body !== undefined && { body }),
      signal: AbortSignal.timeout(answerTimeoutMs),
    })
    text = await response.text()
  } catch (error) {
    if ((error as Error).name === 'TimeoutError') throw new Error(`${method} ${path} was not answered in ${answerTimeoutMs} ms.`)
    const cause = (error as Error).cause
    return { kind: 'unanswered', text: `${error}${cause ? ` (${cause})` : ''}` }
  }
  const answer = parse(text)
  if (response.ok && answer?.ok) return { kind: 'acknowledged', value: answer.value as NftAnswer }
  return { kind: 'refused', status: response.status, code: answer?.error?.code ?? '', text }
}

function parse(text: string): { ok: boolean; value?: unknown; error?: { code: string } } | undefined {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const octets = { 'content-type': 'application/octet-stream' }
const car = { 'content-type': 'application/vnd.ipld.car' }

export const sendCar = (api: Api, bytes: Uint8Array, name: string): Promise<Outcome> =>
  send(api, 'POST', '/upload', { body: bytes as Uint8Array<ArrayBuffer>, headers: { ...car, 'x-name': name } })

export const sendFile = (api: Api, bytes: Uint8Array, name: string): Promise<Outcome> =>
  send(api, 'POST', '/upload', { body: bytes as Uint8Array<ArrayBuffer>, headers: { ...octets, 'x-name': name } })

/** Sends a sample in one request. */
export async function sendWhole(api: Api, sample: Exclude<Sample, { kind: 'chunked' }>, name: string): Promise<Outcome> {
  if (sample.kind === 'directory') {
    const form = new FormData()
    for (const { path, bytes } of sample.files) form.append('file', new Blob([bytes as Uint8Array<ArrayBuffer>]), path)
    return await send(api, 'POST', '/upload', { body: form, headers: { 'x-name': name } })
  }
  if ('dag' in sample) return await sendCar(api, wholeCarOf(sample.dag), name)
  return await sendFile(api, sample.bytes, name)
}

/** Every live upload of the user, page by page as the `Link` headers lead, and what the `Count` header says there are. */
export async function listAll({ url, key }: Api): Promise<{ uploads: NftAnswer[]; count: number }> {
  const uploads: NftAnswer[] = []
  let count = -1
  for (let query: string | undefined = 'limit=1000'; query !== undefined; ) {
    const response: Response = await fetch(`${url}/api/?${query}`, { headers: { authorization: `Bearer ${key}` } })
    const text = await response.text()
    if (!response.ok) throw new Error(`The list was answered with ${response.status}: ${text}`)
    uploads.push(...(JSON.parse(text) as { value: NftAnswer[] }).value)
    if (count < 0) count = Number(response.headers.get('count'))
    query = /[?](\S+)>; rel="next"/.exec(response.headers.get('link') ?? '')?.[1]
  }
  return { uploads, count }
}
