import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { BusboyFileStream, BusboyInstance } from '@fastify/busboy'
import { Busboy } from '@fastify/busboy'
import { KeepsakeError } from '../errors.ts'

/** One part of a form, in the order they come. A file's bytes must be read (or drained) before the next part comes. */
export type Part =
  | { kind: 'file'; field: string; fileName: string; mimeType: string; bytes: AsyncIterable<Uint8Array> }
  | { kind: 'text'; field: string; value: string }

export interface MultipartLimits {
  maxFiles: number
  /** Largest part that is not a file. */
  maxTextBytes: number
}

const maxTextParts = 1000

function invalid(message: string, cause?: unknown): KeepsakeError {
  return new KeepsakeError('ERROR_INVALID_MULTIPART', message, { cause })
}

function parser(contentType: string, limits: MultipartLimits): BusboyInstance {
  try {
    return new Busboy({
      headers: { 'content-type': contentType },
      // Names of the files of a directory are paths.
      preservePath: true,
      // One more than is allowed, so that passing the limit is seen instead of cut off in silence.
      limits: { files: limits.maxFiles + 1, fields: maxTextParts + 1, fieldSize: limits.maxTextBytes + 1, fieldNameSize: 4096 },
      highWaterMark: 1024 * 1024,
      fileHwm: 512 * 1024,
    })
  } catch (error) {
    throw invalid(`The multipart body cannot be read: ${(error as Error).message}`, error)
  }
}

/** The bytes of a file; a form that ends in the middle of it is the client's mistake. */
async function* bytesOf(stream: BusboyFileStream): AsyncGenerator<Uint8Array, void> {
  try {
    yield* stream as AsyncIterable<Uint8Array>
  } catch (error) {
    throw error instanceof KeepsakeError
      ? error
      : invalid(`The multipart body cannot be read: ${(error as Error).message}`, error)
  }
}

/**
 * Reads a multipart/form-data body part by part (RFC 7578), in flat memory.
 *
 * @throws KeepsakeError `ERROR_INVALID_MULTIPART` for a body that does not parse, `PAYLOAD_TOO_LARGE` over a limit; errors of
 *   `body` pass through.
 */
export async function* readParts(
  body: AsyncIterable<Uint8Array>,
  contentType: string,
  limits: MultipartLimits,
): AsyncGenerator<Part, void> {
  const form = parser(contentType, limits)
  const queue: Part[] = []
  const open = new Set<BusboyFileStream>()
  let wake: () => void = () => {}
  let files = 0
  let texts = 0
  let ended = false
  let failure: unknown

  const fail = (error: unknown) => {
    failure ??= error
    for (const file of open) file.destroy(failure as Error)
    wake()
  }
  form.on('file', (field, stream, fileName, _encoding, mimeType) => {
    open.add(stream)
    stream.on('close', () => open.delete(stream)).on('error', () => {})
    if (++files > limits.maxFiles)
      fail(new KeepsakeError('PAYLOAD_TOO_LARGE', `Too many files: at most ${limits.maxFiles} (MAX_FILES_PER_UPLOAD).`))
    queue.push({ kind: 'file', field, fileName: fileName ?? '', mimeType, bytes: bytesOf(stream) })
    wake()
  })
  form.on('field', (field, value, _nameTruncated, valueTruncated) => {
    if (valueTruncated || ++texts > maxTextParts)
      fail(new KeepsakeError('PAYLOAD_TOO_LARGE', `The part "${field}" is too large: at most ${limits.maxTextBytes} bytes.`))
    queue.push({ kind: 'text', field, value })
    wake()
  })
  const reading = pipeline(Readable.from(body, { objectMode: false, highWaterMark: 1024 * 1024 }), form)
    .catch((error) =>
      fail(error instanceof KeepsakeError ? error : invalid(`The multipart body cannot be read: ${error.message}`, error)),
    )
    .finally(() => {
      ended = true
      wake()
    })
  try {
    for (;;) {
      if (failure !== undefined) throw failure
      const part = queue.shift()
      if (part) yield part
      else if (ended) return
      else await new Promise<void>((resolve) => (wake = resolve))
    }
  } finally {
    form.destroy()
    for (const file of open) file.destroy()
    await reading
  }
}
