import { concat } from './cars.ts'

const boundary = 'keepsake-test-boundary'
export const multipartType = `multipart/form-data; boundary=${boundary}`

const bytesOf = (part: string | Uint8Array) => (typeof part === 'string' ? new TextEncoder().encode(part) : part)

/** A part with any header, right or wrong; `name` is written as it is. */
export function part(name: string, fileName: string | undefined, content: string | Uint8Array): Uint8Array {
  const disposition = `Content-Disposition: form-data; name="${name}"${fileName === undefined ? '' : `; filename="${fileName}"`}`
  const type = fileName === undefined ? '' : 'Content-Type: application/octet-stream\r\n'
  return concat([bytesOf(`--${boundary}\r\n${disposition}\r\n${type}\r\n`), bytesOf(content), bytesOf('\r\n')])
}

/** A form of parts as they are, with its end unless it is left out. */
export function multipart(parts: Uint8Array[], { end = true } = {}): Uint8Array<ArrayBuffer> {
  return concat([...parts, bytesOf(end ? `--${boundary}--\r\n` : '')])
}
