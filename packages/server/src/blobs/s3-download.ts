import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { BlobRangeError } from './blobs.ts'
import { asBlobError, headObject, locate, type S3Bucket, statusOf } from './s3-bucket.ts'

export interface Bytes {
  offset: number
  end: number
}

/** Yields bytes `offset` to `end` (exclusive, at least one), asking again for the rest when a connection breaks or stalls. */
export async function* download(
  bucket: S3Bucket,
  key: string,
  { offset, end }: Bytes,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let position = offset
  let attempts = 0
  while (position < end) {
    // The SDK has tried this again by itself: its error is final. Only a broken answer is worth another request.
    const answer = await get(bucket, key, { offset: position, end }, signal)
    try {
      for await (const bytes of answer) {
        signal?.throwIfAborted()
        if (position + bytes.length > end) throw new BlobRangeError(key, { offset, length: end - offset })
        position += bytes.length
        attempts = 0
        yield bytes
      }
      if (position < end) throw new Error(`The store ended its answer ${end - position} bytes early.`)
    } catch (error) {
      signal?.throwIfAborted()
      attempts += 1
      if (error instanceof BlobRangeError || attempts >= bucket.maxAttempts) throw error
      await sleep(50 * 2 ** attempts, undefined, signal ? { signal } : {})
    }
  }
}

async function get(
  bucket: S3Bucket,
  key: string,
  { offset, end }: Bytes,
  signal?: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  const request = new bucket.sdk.GetObjectCommand({ ...locate(bucket, key), Range: `bytes=${offset}-${end - 1}` })
  const answer = await bucket.client.send(request, signal ? { abortSignal: signal } : {}).catch(async (error: unknown) => {
    if (statusOf(error) !== 416) throw asBlobError(error, key)
    throw new BlobRangeError(key, { offset, length: end - offset }, (await headObject(bucket, key, signal)).sizeBytes)
  })
  const body = answer.Body as Readable
  const total = Number(/\/(\d+)$/.exec(answer.ContentRange ?? '')?.[1] ?? Number.NaN)
  const wrong = total < end ? new BlobRangeError(key, { offset, length: end - offset }, total) : undefined
  // A store that ignores the range sends the whole blob; that is right only when the whole was asked for.
  const whole = answer.ContentRange === undefined && offset === 0 && answer.ContentLength === end
  if (wrong || !(whole || answer.ContentRange?.startsWith(`bytes ${offset}-${end - 1}/`))) {
    body.destroy()
    throw wrong ?? new Error(`The store answered bytes ${offset}-${end - 1} with ${answer.ContentRange ?? 'no range'}.`)
  }
  return body
}
