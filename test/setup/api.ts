import { randomBytes } from 'node:crypto'
import { expect, inject } from 'vitest'
import type { SharedDeployment } from './shared.ts'

/** The API's answers as its documentation has them; on purpose not the types the server is made with. */
export interface Pin {
  cid: string
  created: string
  size: number | null
  status: 'queued' | 'pinning' | 'pinned' | 'failed'
  missing?: { blocks: number; cids: string[]; reason?: string }
}

export interface Nft {
  cid: string
  created: string
  type: string
  scope: string
  files: { name: string; type: string }[] | null
  size: number
  name: string
  parts: string[]
  pin: Pin
  pins: { backend: string; status: string; since: string; error?: string; nextAttempt?: string }[]
  deals: unknown[]
}

export interface Answer {
  status: number
  headers: Headers
  text: string
}

export interface Call {
  key?: string | undefined
  headers?: Record<string, string>
  body?: BodyInit
}

/** The deployment that the files of the suite share. */
export function shared(): SharedDeployment {
  return inject('keepsake')
}

/** A request to the API; `path` begins with a slash. */
export async function call(
  apiUrl: string,
  method: string,
  path: string,
  { key, headers = {}, body }: Call = {},
): Promise<Answer> {
  const response = await fetch(`${apiUrl}${path}`, {
    method,
    headers: { ...(key !== undefined && { authorization: `Bearer ${key}` }), ...headers },
    ...(body !== undefined && { body }),
  })
  return { status: response.status, headers: response.headers, text: await response.text() }
}

export const jsonType = 'application/json;charset=UTF-8'

/** The `value` of a success; checks all that every success has. */
export function valueIn<T = Nft>(answer: Answer, status = 200): T {
  expect(answer, answer.text).toMatchObject({ status })
  expect(answer.headers.get('content-type')).toBe(jsonType)
  const body = JSON.parse(answer.text) as { ok: boolean; value: T }
  expect(Object.keys(body)).toEqual(['ok', 'value'])
  expect(body.ok).toBe(true)
  return body.value
}

/** Checks all that every failure has: status, content type, envelope, code and message, and that nothing internal shows. */
export function expectFailure(answer: Answer, status: number, code: string | RegExp, message?: string | RegExp): void {
  expect(answer, answer.text.slice(0, 300)).toMatchObject({ status })
  expect(answer.headers.get('content-type')).toBe(jsonType)
  const body = JSON.parse(answer.text) as { ok: boolean; error: { code: string; message: string } }
  expect(Object.keys(body)).toEqual(['ok', 'error'])
  expect(body.ok).toBe(false)
  expect(Object.keys(body.error)).toEqual(['code', 'message'])
  if (typeof code === 'string') expect(body.error.code).toBe(code)
  else expect(body.error.code).toMatch(code)
  if (typeof message === 'string') expect(body.error.message).toBe(message)
  else if (message) expect(body.error.message).toMatch(message)
  expect(body.error.message).not.toBe('')
  expect(body.error.message).not.toMatch(/node_modules|\/src\/|\bat .+:\d+:\d+|TypeError|undefined|select .* from/i)
}

export async function upload(
  apiUrl: string,
  key: string,
  body: BodyInit,
  type: string,
  headers: Record<string, string> = {},
): Promise<Answer> {
  return await call(apiUrl, 'POST', '/upload', { key, body, headers: { 'content-type': type, ...headers } })
}

/** Bytes nobody has stored before. */
export function fresh(length = 32): Uint8Array<ArrayBuffer> {
  return new Uint8Array(randomBytes(length))
}

/** A form of files, and of texts where the value is a string. */
export function form(
  parts: [field: string, value: Uint8Array<ArrayBuffer> | string, fileName?: string, type?: string][],
): FormData {
  const data = new FormData()
  for (const [field, value, fileName, type] of parts) {
    if (typeof value === 'string' && fileName === undefined) data.append(field, value)
    else data.append(field, new File([value], fileName ?? '', { type: type ?? 'application/octet-stream' }))
  }
  return data
}

/** Waits until `look` gives something. */
export async function eventually<T>(look: () => Promise<T | undefined>, timeoutMs = 15_000): Promise<T> {
  for (const end = Date.now() + timeoutMs; ; ) {
    const found = await look()
    if (found !== undefined) return found
    if (Date.now() > end) throw new Error(`It did not happen within ${timeoutMs} ms.`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
