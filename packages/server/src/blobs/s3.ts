import { randomBytes } from 'node:crypto'
import type { AbortOptions } from '@keepsake/content/block.ts'
import {
  assertBlobKey,
  type BlobLogger,
  BlobNotFoundError,
  type BlobPlace,
  type BlobRange,
  BlobRangeError,
  type BlobStore,
  endOfRange,
  isBlobKey,
  type StagedBlob,
} from './blobs.ts'
import { readEach } from './read-each.ts'
import { headObject, locate, objectSuffix, openS3Bucket, type S3Bucket, type S3BucketOptions } from './s3-bucket.ts'
import { download } from './s3-download.ts'
import { abortAbandonedUploads, uploadFile } from './s3-upload.ts'
import { type Slots, slots } from './slots.ts'
import { stagedBlob } from './staged-blob.ts'
import type { StagedFile } from './staged-file.ts'
import { openStaging, type Staging } from './staging.ts'

export interface S3BlobsOptions extends S3BucketOptions {
  /** Local scratch space: a blob is whole here before its upload begins. Many processes may share it. */
  stagingDirectory: string
  logger?: BlobLogger | undefined
}

/** Parts in memory at once, for all uploads of a store together: 8 of 16 MiB. */
const uploadSlots = 8
/** Requests at once for many small reads, of all who ask for them together. */
const readSlots = 32
/** An upload in parts that is still incomplete after a day has lost its process. */
const abandonedUploadMs = 24 * 60 * 60 * 1000

/** Blobs as objects `<prefix><key>.car` in a bucket of any store that speaks S3. The bucket has to exist. */
export async function openS3Blobs({ stagingDirectory, logger, ...options }: S3BlobsOptions): Promise<BlobStore> {
  const staging = await openStaging({ directory: stagingDirectory, logger })
  return new S3Blobs(await openS3Bucket(options), staging, logger)
}

class S3Blobs implements BlobStore {
  readonly #bucket: S3Bucket
  readonly #staging: Staging
  readonly #logger: BlobLogger | undefined
  readonly #slots: Slots = slots(uploadSlots)
  readonly #readLanes: Slots = slots(readSlots)
  readonly #closing = new AbortController()
  readonly #cleaning: Promise<void>

  constructor(bucket: S3Bucket, staging: Staging, logger: BlobLogger | undefined) {
    this.#bucket = bucket
    this.#staging = staging
    this.#logger = logger
    // Nobody waits for it: a store that is down for a moment must not keep the server from starting.
    this.#cleaning = abortAbandonedUploads(bucket, { olderThanMs: abandonedUploadMs, signal: this.#closing.signal }).then(
      (aborted) => {
        if (aborted > 0) logger?.info({ aborted }, 'removed uploads in parts that were never completed')
      },
      (error: unknown) => {
        if (!this.#closing.signal.aborted) logger?.warn({ err: error }, 'could not look for uploads that were never completed')
      },
    )
  }

  async stage(): Promise<StagedBlob> {
    return stagedBlob(await this.#staging.create(), (file, key) => this.#publish(file, key))
  }

  async sizeOf(key: string): Promise<number | undefined> {
    assertBlobKey(key)
    try {
      return (await headObject(this.#bucket, key)).sizeBytes
    } catch (error) {
      if (error instanceof BlobNotFoundError) return undefined
      throw error
    }
  }

  async read(key: string, offset: number, length: number, { signal }: AbortOptions = {}): Promise<Uint8Array> {
    assertBlobKey(key)
    signal?.throwIfAborted()
    // A request for a range cannot ask for nothing, and a large length must be true before it becomes an allocation.
    if (!(length > 0 && length <= 1024 * 1024)) {
      endOfRange(key, (await headObject(this.#bucket, key, signal)).sizeBytes, { offset, length })
    } else if (!Number.isSafeInteger(offset) || !Number.isInteger(length) || offset < 0) {
      throw new BlobRangeError(key, { offset, length })
    }
    const bytes = new Uint8Array(length)
    let filled = 0
    for await (const chunk of download(this.#bucket, key, { offset, end: offset + length }, signal)) {
      bytes.set(chunk, filled)
      filled += chunk.length
    }
    return bytes
  }

  async readMany(places: readonly BlobPlace[], options?: AbortOptions): Promise<Uint8Array> {
    for (const { key } of places) assertBlobKey(key)
    return await readEach(this, places, this.#readLanes, options)
  }

  async *stream(key: string, range: BlobRange = {}): AsyncGenerator<Uint8Array> {
    assertBlobKey(key)
    range.signal?.throwIfAborted()
    const { sizeBytes } = await headObject(this.#bucket, key, range.signal)
    yield* download(this.#bucket, key, { offset: range.offset ?? 0, end: endOfRange(key, sizeBytes, range) }, range.signal)
  }

  async delete(key: string): Promise<void> {
    assertBlobKey(key)
    await this.#bucket.client.send(new this.#bucket.sdk.DeleteObjectCommand(locate(this.#bucket, key)))
  }

  async *list({ signal }: AbortOptions = {}): AsyncGenerator<{ key: string; sizeBytes: number; modifiedAt: Date }> {
    const { client, sdk, name, prefix } = this.#bucket
    let token: string | undefined
    do {
      signal?.throwIfAborted()
      const request = new sdk.ListObjectsV2Command({
        Bucket: name,
        Prefix: prefix,
        ...(token === undefined ? {} : { ContinuationToken: token }),
      })
      const page: import('@aws-sdk/client-s3').ListObjectsV2CommandOutput = await client.send(
        request,
        signal ? { abortSignal: signal } : {},
      )
      for (const { Key = '', Size = 0, LastModified = new Date(0) } of page.Contents ?? []) {
        const key = Key.slice(prefix.length, -objectSuffix.length)
        if (Key.endsWith(objectSuffix) && isBlobKey(key)) yield { key, sizeBytes: Size, modifiedAt: LastModified }
      }
      token = page.IsTruncated ? page.NextContinuationToken : undefined
    } while (token !== undefined)
  }

  async check(): Promise<void> {
    const { client, sdk, name, prefix } = this.#bucket
    const sample = randomBytes(1024)
    // No `.car` at its end: no listing shows it, also when this process dies before it is deleted.
    const where = { Bucket: name, Key: `${prefix}.check-${randomBytes(8).toString('hex')}` }
    const scratch = await this.#staging.create()
    try {
      await scratch.write(sample)
      await scratch.sync()
      await client.send(new sdk.PutObjectCommand({ ...where, Body: sample }))
      const { Body } = await client.send(new sdk.GetObjectCommand(where))
      if (!sample.equals(await Body!.transformToByteArray())) throw new Error('an object does not read back as it was written')
      await client.send(new sdk.DeleteObjectCommand(where))
    } catch (error) {
      throw new Error(`Blobs cannot be kept in bucket ${name}: ${(error as Error).message}`, { cause: error })
    } finally {
      await scratch.discard()
    }
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#cleaning
    this.#bucket.client.destroy()
    await this.#staging.close()
  }

  async #publish(file: StagedFile, key: string): Promise<void> {
    await uploadFile(this.#bucket, key, { path: file.path, sizeBytes: file.sizeBytes, slots: this.#slots, logger: this.#logger })
    await file.discard()
  }
}
