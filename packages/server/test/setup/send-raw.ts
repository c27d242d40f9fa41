import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'

export interface TestAnswer {
  status: number
  headers: IncomingHttpHeaders
  body: Buffer
  /** The connection ended before the body was whole. */
  cut: boolean
}

/** Sends a request as it is written: `fetch` would resolve dots in the path and refuse the Host header. */
export function sendRaw(port: number, path: string, headers: Record<string, string>, method: string): Promise<TestAnswer> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ host: '127.0.0.1', port, path, method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = []
      const answered = (cut: boolean) =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks), cut })
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => answered(false))
      response.on('error', () => answered(true))
    })
    sent.on('error', reject)
    sent.end()
  })
}
