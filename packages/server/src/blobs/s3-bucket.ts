import type { S3Client } from '@aws-sdk/client-s3'
import { BlobNotFoundError } from './blobs.ts'

type Sdk = typeof import('@aws-sdk/client-s3')

export interface S3BucketOptions {
  bucket: string
  /** Comes before every object name, as it is: `blobs/` makes what looks like a folder. */
  prefix?: string | undefined
  /** URL of an S3-compatible store; left out, Amazon's own of the region. */
  endpoint?: string | undefined
  region?: string | undefined
  /** `endpoint/bucket/object` in place of `bucket.endpoint/object`, for stores without wildcard names in DNS. */
  forcePathStyle?: boolean | undefined
  /** Left out, they are looked up where the AWS SDK does: environment, profile, web identity, instance. */
  credentials?: { accessKeyId: string; secretAccessKey: string; sessionToken?: string | undefined } | undefined
  /** `when-required` leaves out the CRC-32 of uploads, for stores that refuse it. */
  checksums?: 'when-supported' | 'when-required' | undefined
  /** A connection on which nothing moves for this long is given up and the request tried again. */
  idleTimeoutMs?: number | undefined
  /** How often a request is sent in all, and how often a download is resumed without having come further. */
  maxAttempts?: number | undefined
}

/** A bucket to send commands to. The SDK travels along since it is loaded only when a store needs it. */
export interface S3Bucket {
  readonly sdk: Sdk
  readonly client: S3Client
  readonly name: string
  readonly prefix: string
  readonly maxAttempts: number
}

export async function openS3Bucket(options: S3BucketOptions): Promise<S3Bucket> {
  const sdk = await import('@aws-sdk/client-s3')
  const maxAttempts = options.maxAttempts ?? 4
  const checksums = options.checksums === 'when-required' ? 'WHEN_REQUIRED' : 'WHEN_SUPPORTED'
  const { endpoint, credentials } = options
  const client = new sdk.S3Client({
    region: options.region ?? 'us-east-1',
    forcePathStyle: options.forcePathStyle ?? false,
    maxAttempts,
    requestChecksumCalculation: checksums,
    responseChecksumValidation: checksums,
    requestHandler: { connectionTimeout: 10_000, socketTimeout: options.idleTimeoutMs ?? 30_000 },
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined
      ? {}
      : {
          credentials: {
            accessKeyId: credentials.accessKeyId,
            secretAccessKey: credentials.secretAccessKey,
            ...(credentials.sessionToken === undefined ? {} : { sessionToken: credentials.sessionToken }),
          },
        }),
  })
  return { sdk, client, name: options.bucket, prefix: options.prefix ?? '', maxAttempts }
}

export const objectSuffix = '.car'

export function locate(bucket: S3Bucket, key: string): { Bucket: string; Key: string } {
  return { Bucket: bucket.name, Key: bucket.prefix + key + objectSuffix }
}

/** HTTP status of an error answer; undefined where no answer came. */
export function statusOf(error: unknown): number | undefined {
  return (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode
}

/** A missing object is a missing blob; a missing bucket is not, though it has the same status. */
export function asBlobError(error: unknown, key: string): unknown {
  const missing = statusOf(error) === 404 && (error as Error).name !== 'NoSuchBucket'
  return missing ? new BlobNotFoundError(key, { cause: error }) : error
}

/** Throws a `BlobNotFoundError` for a blob that is not there. */
export async function headObject(bucket: S3Bucket, key: string, signal?: AbortSignal): Promise<{ sizeBytes: number }> {
  try {
    const head = await bucket.client.send(
      new bucket.sdk.HeadObjectCommand(locate(bucket, key)),
      signal ? { abortSignal: signal } : {},
    )
    return { sizeBytes: head.ContentLength ?? 0 }
  } catch (error) {
    throw asBlobError(error, key)
  }
}
