import type { Readable } from 'node:stream'
import { KeepsakeError } from '../errors.ts'

const uploadLimit = 'MAX_UPLOAD_BYTES'

export interface BodyLimits {
  maxBytes: number
  /** What the refusal calls the limit; the setting for uploads when absent. */
  limitName?: string
  /** How long to wait for the next byte. Time the server itself takes does not count. */
  idleTimeoutMs: number
}

/**
 * The bytes of a request as they come.
 *
 * @throws KeepsakeError `PAYLOAD_TOO_LARGE` when more than `maxBytes` come, `REQUEST_TIMEOUT` when none come for too long,
 *   `BAD_REQUEST` when the client leaves in the middle.
 */
export async function* readBody(
  stream: Readable,
  { maxBytes, limitName = uploadLimit, idleTimeoutMs }: BodyLimits,
): AsyncGenerator<Uint8Array, void> {
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>
  const watch = idleWatch(idleTimeoutMs)
  let receivedBytes = 0
  try {
    for (;;) {
      const { done, value } = await watch.during(chunks.next())
      if (done) return
      receivedBytes += value.byteLength
      if (receivedBytes > maxBytes) throw tooLarge(maxBytes, limitName, `more than ${maxBytes}`)
      yield value
    }
  } catch (error) {
    throw error instanceof KeepsakeError
      ? error
      : new KeepsakeError('BAD_REQUEST', 'The body ended before all of it came.', { cause: error })
  } finally {
    watch.stop()
  }
}

/**
 * Rejects a wait that takes too long. One timer serves all waits of a body: a timer for each chunk would cost more than the chunk.
 * The socket is left alone, so that the client can still be told.
 */
function idleWatch(timeoutMs: number) {
  let waitingSince = 0
  let giveUp: ((error: Error) => void) | undefined
  const check = () => {
    if (giveUp && Date.now() - waitingSince >= timeoutMs) {
      giveUp(new KeepsakeError('REQUEST_TIMEOUT', `No byte came for ${timeoutMs / 1000} seconds; the upload was given up.`))
    }
  }
  const timer = setInterval(check, Math.min(1000, timeoutMs / 4))
  return {
    during<T>(wait: Promise<T>): Promise<T> {
      waitingSince = Date.now()
      return new Promise<T>((resolve, reject) => {
        giveUp = reject
        wait.then(resolve, reject)
      }).finally(() => {
        giveUp = undefined
      })
    },
    stop: () => clearInterval(timer),
  }
}

/** Refuses by what the client announces, before a byte is read. */
export function checkContentLength(header: string | undefined, maxBytes: number): void {
  const announced = Number(header ?? 0)
  if (announced > maxBytes) throw tooLarge(maxBytes, uploadLimit, String(announced))
}

function tooLarge(maxBytes: number, limitName: string, came: string): KeepsakeError {
  return new KeepsakeError(
    'PAYLOAD_TOO_LARGE',
    `The request body is too large: at most ${maxBytes} bytes (${limitName}), got ${came}.`,
  )
}
