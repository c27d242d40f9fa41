import { type FileHandle, open } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { type BlobLogger, BlobNotFoundError } from './blobs.ts'
import { readExactly } from './read-file.ts'
import { headObject, locate, type S3Bucket } from './s3-bucket.ts'
import type { Slots } from './slots.ts'

/** Also the largest object sent in one request. Parts are held in memory, so that a failed one can be sent again and is checksummed in its header. */
export const partBytes = 16 * 1024 * 1024
/** Of S3: "Amazon S3 multipart upload limits". */
/** Together they wait about three seconds for parts that are being written. */
const maxAborts = 6
const abortDelayMs = 200
const maxParts = 10_000
const partsAtOnce = 3

export interface UploadOptions {
  path: string
  sizeBytes: number
  /** Shared by all uploads of a store: bounds the memory they use together, one part a slot. */
  slots: Slots
  logger?: BlobLogger | undefined
}

/** Puts a file under the name of its key. Until the last request has succeeded nobody sees any of it. */
export async function uploadFile(bucket: S3Bucket, key: string, options: UploadOptions): Promise<void> {
  const handle = await open(options.path, 'r')
  try {
    if (options.sizeBytes <= partBytes) await putWhole(bucket, key, handle, options)
    else if (!(await isThere(bucket, key, options.sizeBytes))) await putInParts(bucket, key, handle, options)
  } finally {
    await handle.close()
  }
}

async function putWhole(bucket: S3Bucket, key: string, handle: FileHandle, { sizeBytes, slots }: UploadOptions) {
  await slots.use(async () => {
    const body = await readExactly(handle, key, 0, sizeBytes)
    await bucket.client.send(new bucket.sdk.PutObjectCommand({ ...locate(bucket, key), Body: body, ContentLength: sizeBytes }))
  })
}

async function isThere(bucket: S3Bucket, key: string, sizeBytes: number): Promise<boolean> {
  try {
    return (await headObject(bucket, key)).sizeBytes === sizeBytes
  } catch (error) {
    if (error instanceof BlobNotFoundError) return false
    throw error
  }
}

async function putInParts(bucket: S3Bucket, key: string, handle: FileHandle, options: UploadOptions) {
  const { client, sdk } = bucket
  const where = locate(bucket, key)
  const partCount = Math.ceil(options.sizeBytes / partBytes)
  if (partCount > maxParts)
    throw new RangeError(`A blob in S3 is at most ${maxParts * partBytes} bytes; this is ${options.sizeBytes}.`)
  const checksum =
    (await client.config.requestChecksumCalculation()) === 'WHEN_SUPPORTED' ? ({ ChecksumAlgorithm: 'CRC32' } as const) : {}
  const { UploadId } = await client.send(new sdk.CreateMultipartUploadCommand({ ...where, ...checksum }))
  const stop = new AbortController()
  const parts: { PartNumber: number; ETag?: string | undefined; ChecksumCRC32?: string | undefined }[] = []
  let next = 0

  const sendParts = async () => {
    while (next < partCount) {
      const index = next++
      await options.slots.use(async () => {
        stop.signal.throwIfAborted()
        const offset = index * partBytes
        const body = await readExactly(handle, key, offset, Math.min(partBytes, options.sizeBytes - offset))
        const part = { ...where, UploadId, PartNumber: index + 1, Body: body, ContentLength: body.length, ...checksum }
        const { ETag, ChecksumCRC32 } = await client.send(new sdk.UploadPartCommand(part), { abortSignal: stop.signal })
        parts[index] = { PartNumber: index + 1, ETag, ...(ChecksumCRC32 ? { ChecksumCRC32 } : {}) }
      })
    }
  }

  const senders = Array.from({ length: Math.min(partsAtOnce, partCount) }, sendParts)
  try {
    await Promise.all(senders)
    await client.send(new sdk.CompleteMultipartUploadCommand({ ...where, UploadId, MultipartUpload: { Parts: parts } }))
  } catch (error) {
    stop.abort(error)
    await Promise.allSettled(senders)
    // The answer to the last request may have been lost after it did its work.
    if (next >= partCount && (await isThere(bucket, key, options.sizeBytes).catch(() => false))) return
    await abortUpload(bucket, { ...where, UploadId }).catch((abortError: unknown) => {
      options.logger?.warn({ key, err: abortError }, 'could not abort an upload in parts; it is removed a day later')
    })
    throw error
  }
}

/**
 * Ends an upload in parts. The store may still be writing a part whose connection is gone, and keep the upload for it: so it is asked again until
 * the upload is gone. (Amazon S3 API Reference, AbortMultipartUpload.)
 */
async function abortUpload(
  { client, sdk }: S3Bucket,
  upload: { Bucket: string; Key: string; UploadId: string | undefined },
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await client.send(new sdk.AbortMultipartUploadCommand(upload))
      await client.send(new sdk.ListPartsCommand({ ...upload, MaxParts: 1 }))
    } catch (error) {
      if ((error as Error).name === 'NoSuchUpload') return
      throw error
    }
    if (attempt === maxAborts) throw new Error(`The store still has the upload after it was asked ${maxAborts} times to end it.`)
    await sleep(attempt * abortDelayMs)
  }
}

export interface AbandonedOptions {
  /** Younger ones may belong to a process that still sends parts. */
  olderThanMs: number
  signal: AbortSignal
}

/** Removes parts that processes left behind when they died: they cost space and no listing shows them. Returns how many uploads it ended. */
export async function abortAbandonedUploads(bucket: S3Bucket, { olderThanMs, signal }: AbandonedOptions): Promise<number> {
  const { client, sdk } = bucket
  const scope = { Bucket: bucket.name, Prefix: bucket.prefix }
  let aborted = 0
  let marker: { KeyMarker?: string; UploadIdMarker?: string } | undefined = {}
  while (marker) {
    const page: import('@aws-sdk/client-s3').ListMultipartUploadsCommandOutput = await client.send(
      new sdk.ListMultipartUploadsCommand({ ...scope, ...marker }),
      { abortSignal: signal },
    )
    for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
      if (!Initiated || Date.now() - Initiated.getTime() < olderThanMs) continue
      await client.send(new sdk.AbortMultipartUploadCommand({ Bucket: bucket.name, Key, UploadId }), { abortSignal: signal })
      aborted += 1
    }
    const { NextKeyMarker: KeyMarker, NextUploadIdMarker: UploadIdMarker } = page
    marker = page.IsTruncated && KeyMarker ? { KeyMarker, ...(UploadIdMarker ? { UploadIdMarker } : {}) } : undefined
  }
  return aborted
}
