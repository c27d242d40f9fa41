import type { BlobLogger, BlobStore } from './blobs.ts'
import { type LocalBlobsOptions, openLocalBlobs } from './local.ts'
import { openS3Blobs, type S3BlobsOptions } from './s3.ts'

/** Where blobs are kept: a directory of this machine, or a bucket. */
export type BlobsConfig =
  | ({ kind: 'local' } & Omit<LocalBlobsOptions, 'logger'>)
  | ({ kind: 's3' } & Omit<S3BlobsOptions, 'logger'>)

export async function openBlobs(config: BlobsConfig, { logger }: { logger?: BlobLogger | undefined } = {}): Promise<BlobStore> {
  return config.kind === 'local' ? await openLocalBlobs({ ...config, logger }) : await openS3Blobs({ ...config, logger })
}
