import { mkdtemp, rm } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Server } from '../test/setup/server.ts'
import { startServer } from '../test/setup/server.ts'

/** The server that is measured, with a key and a scratch folder; all of it gone at the end. */
export interface Subject extends AsyncDisposable {
  server: Server
  key: string
  folder: string
  agent: Agent
}

export async function startSubject(env: Record<string, string> = {}): Promise<Subject> {
  const folder = await mkdtemp(join(tmpdir(), 'keepsake-bench-'))
  const server = await startServer({ env: { LOG_LEVEL: 'error', ...env } })
  const key = await server.createKey()
  const agent = new Agent({ keepAlive: true, maxSockets: 64 })
  return {
    server,
    key,
    folder,
    agent,
    async [Symbol.asyncDispose]() {
      agent.destroy()
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

export interface Answer {
  status: number
  body: Buffer
  /** Query of the page after this one, of a list. */
  next: string | undefined
  /** From sending the request to the first byte of the body. */
  firstByteMs: number
  totalBytes: number
}

export interface Call {
  method?: string
  path: string
  headers?: Record<string, string | number>
  body?: Uint8Array | AsyncIterable<Uint8Array>
  /** Count the bytes of the answer, do not keep them. */
  discard?: boolean
}

/** One request with the subject's key. `node:http` costs the client the least, and the client shares the machine with the server. */
export async function call(
  { server, key, agent }: Subject,
  { method = 'GET', path, headers = {}, body, discard = false }: Call,
): Promise<Answer> {
  const startedAt = performance.now()
  return await new Promise<Answer>((resolve, reject) => {
    const sent = request(
      { host: '127.0.0.1', port: server.port, agent, method, path, headers: { authorization: `Bearer ${key}`, ...headers } },
      (response) => {
        const chunks: Buffer[] = []
        let firstByteMs = 0
        let totalBytes = 0
        response.on('data', (chunk: Buffer) => {
          firstByteMs ||= performance.now() - startedAt
          totalBytes += chunk.length
          if (!discard) chunks.push(chunk)
        })
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            body: Buffer.concat(chunks),
            next: /\?([^>]*)>; rel="next"/.exec(String(response.headers.link))?.[1],
            firstByteMs,
            totalBytes,
          }),
        )
        response.on('error', reject)
      },
    )
    sent.on('error', reject)
    void send(sent, body).catch(reject)
  })
}

async function send(sent: ReturnType<typeof request>, body: Call['body']): Promise<void> {
  if (body === undefined || body instanceof Uint8Array) {
    sent.end(body)
    return
  }
  for await (const chunk of body) {
    if (!sent.write(chunk)) await new Promise((resolve) => sent.once('drain', resolve))
  }
  sent.end()
}

/** A call that must succeed; the JSON of its answer. */
export async function callJson<T>(subject: Subject, options: Call): Promise<T> {
  const { status, body } = await call(subject, options)
  if (status !== 200) throw new Error(`${options.method ?? 'GET'} ${options.path} answered ${status}: ${body.subarray(0, 500)}`)
  return JSON.parse(body.toString()) as T
}
