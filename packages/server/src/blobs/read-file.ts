import type { FileHandle } from 'node:fs/promises'
import { type BlobRange, BlobRangeError, endOfRange } from './blobs.ts'

const streamChunkBytes = 1024 * 1024

/** Not zeroed, since every byte is written or the buffer is dropped; its own memory, so that a kept block keeps nothing else alive. */
function unfilledBytes(length: number): Uint8Array {
  return new Uint8Array(Buffer.allocUnsafeSlow(length).buffer, 0, length)
}

async function fill(handle: FileHandle, bytes: Uint8Array, position: number): Promise<number> {
  let done = 0
  while (done < bytes.length) {
    const { bytesRead } = await handle.read(bytes, done, bytes.length - done, position + done)
    if (bytesRead === 0) break
    done += bytesRead
  }
  return done
}

/** One buffer with exactly these bytes; throws a `BlobRangeError` where the file has not got them all. */
export async function readExactly(handle: FileHandle, key: string, offset: number, length: number): Promise<Uint8Array> {
  // A length that nobody checked must not become an allocation: large ones are compared with the file first.
  const plausible =
    Number.isSafeInteger(offset) && offset >= 0 && Number.isInteger(length) && length > 0 && length <= streamChunkBytes
  if (!plausible) endOfRange(key, (await handle.stat()).size, { offset, length })
  const bytes = unfilledBytes(length)
  if ((await fill(handle, bytes, offset)) < length) throw new BlobRangeError(key, { offset, length }, (await handle.stat()).size)
  return bytes
}

/** Yields a range in chunks of up to 1 MiB, reading one ahead while the consumer works on the last. */
export async function* streamFile(handle: FileHandle, key: string, range: BlobRange): AsyncGenerator<Uint8Array> {
  const end = endOfRange(key, (await handle.stat()).size, range)
  const readAt = (position: number) => {
    const bytes = unfilledBytes(Math.min(streamChunkBytes, end - position))
    const filled = fill(handle, bytes, position).then((done) => {
      if (done < bytes.length) throw new BlobRangeError(key, { offset: position, length: bytes.length })
      return bytes
    })
    // It may fail while the consumer is busy and nobody awaits it yet; the error is thrown when its turn comes.
    filled.catch(() => {})
    return filled
  }
  let position = range.offset ?? 0
  let ahead = position < end ? readAt(position) : undefined
  try {
    while (ahead) {
      const bytes: Uint8Array = await ahead
      range.signal?.throwIfAborted()
      position += bytes.length
      ahead = position < end ? readAt(position) : undefined
      yield bytes
      range.signal?.throwIfAborted()
    }
  } finally {
    // The handle is given back after this, so the read that nobody wants any more has to end first.
    await ahead?.catch(() => {})
  }
}
