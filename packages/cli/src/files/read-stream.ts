import { constants, createReadStream, openSync } from 'node:fs'
import { Socket } from 'node:net'
import { addAbortSignal } from 'node:stream'

const chunkBytes = 1024 * 1024

/**
 * Reads a file or a named pipe as it comes, until `signal` says stop. Opened like a file, a pipe that nobody writes to could not be let go of: not even
 * the end of the process would come.
 */
export function readStream(
  path: string,
  { isPipe, signal }: { isPipe: boolean; signal: AbortSignal },
): AsyncIterable<Uint8Array> {
  if (!isPipe) return createReadStream(path, { highWaterMark: chunkBytes, signal })
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  return addAbortSignal(signal, new Socket({ fd, readable: true, writable: false }))
}
