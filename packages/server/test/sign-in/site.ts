import { request as httpRequest } from 'node:http'
import pino from 'pino'
import { jobHandlers } from '../../src/job-handlers.ts'
import { startWorker } from '../../src/jobs/worker.ts'
import type { TestServer } from '../accounts/server.ts'
import { startServer } from '../accounts/server.ts'
import { tokenIn } from './mailbox.ts'

export interface Answer {
  status: number
  headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: whatever the server says is what is under test
  json: any
}

interface CallOptions {
  body?: unknown
  /** Put over those a page of the website sends. `undefined` leaves one out. */
  headers?: Record<string, string | undefined>
  /** A form or a file instead of JSON. */
  raw?: string
}

/** A browser, as far as cookies and the headers of its calls go. */
export interface Browser {
  cookies: Map<string, string>
  call(method: string, path: string, options?: CallOptions): Promise<Answer>
  get(path: string, options?: CallOptions): Promise<Answer>
  post(path: string, body?: unknown, options?: CallOptions): Promise<Answer>
}

export interface Site extends TestServer {
  origin: string
  browser(): Browser
  /** A browser in which this address is signed in by a link. */
  signedIn(email: string): Promise<Browser>
}

/** The server with workers, as a browser sees it. */
export async function startSite(env: Record<string, string> = {}): Promise<Site> {
  await using starting = new AsyncDisposableStack()
  const server = starting.use(await startServer(env))
  const log = pino({ level: 'silent' })
  const worker = await startWorker({ database: server.service.database, handlers: jobHandlers(server.service), log })
  starting.defer(() => worker.stop())
  const origin = `http://localhost:${server.port}`
  const browser = () => openBrowser(origin)
  const started = starting.move()
  return {
    ...server,
    origin,
    browser,
    async signedIn(email) {
      const one = browser()
      const asked = await one.post('/account/sign-in/email', { email })
      const opened = await one.post('/account/sign-in/email/open', { token: tokenIn(asked.json.value.link) })
      if (opened.json.value?.status !== 'signed-in') throw new Error(`Not signed in: ${JSON.stringify(opened.json)}`)
      return one
    },
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  }
}

export function openBrowser(origin: string): Browser {
  const cookies = new Map<string, string>()
  const call: Browser['call'] = async (method, path, { body, headers = {}, raw } = {}) => {
    const isReading = method === 'GET' || method === 'HEAD'
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const all = {
      ...(cookie && { cookie }),
      'sec-fetch-site': 'same-origin',
      ...(!isReading && { origin, 'x-keepsake-csrf': '1' }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    }
    const answer = await send(`${origin}${path}`, method, all, raw ?? (body === undefined ? undefined : JSON.stringify(body)))
    for (const line of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (/max-age=0/i.test(line)) cookies.delete(name)
      else cookies.set(name, value)
    }
    return answer
  }
  return {
    cookies,
    call,
    get: (path, options) => call('GET', path, options),
    post: (path, body, options) => call('POST', path, { ...options, body: body ?? {} }),
  }
}

/** `fetch` does not let a caller say its origin, its host or its cookies. */
function send(
  url: string,
  method: string,
  headers: Record<string, string | undefined>,
  body: string | undefined,
): Promise<Answer> {
  const given = Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined)) as Record<string, string>
  // Node sends none with DELETE unless told.
  if (body !== undefined) given['content-length'] = String(Buffer.byteLength(body))
  return new Promise((resolve, reject) => {
    const sent = httpRequest(url, { method, headers: given }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const all = new Headers()
        for (let i = 0; i < response.rawHeaders.length; i += 2) all.append(response.rawHeaders[i]!, response.rawHeaders[i + 1]!)
        const text = Buffer.concat(chunks).toString('utf8')
        const isJson = (response.headers['content-type'] ?? '').includes('json')
        resolve({ status: response.statusCode ?? 0, headers: all, json: isJson ? JSON.parse(text) : text })
      })
    })
    sent.on('error', reject)
    sent.end(body)
  })
}
