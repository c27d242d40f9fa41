import type { BlobLogger, BlobStore } from './blobs.ts'
import { type LocalBlobsOptions, openLocalBlobs } from './local.ts'
import type { S3BlobsOptions } from './s3.ts'

/** Where blobs are kept: a directory of this machine, or a bucket. */
export type BlobsConfig =
  | ({ kind: 'local' } & Omit<LocalBlobsOptions, 'logger'>)
  | ({ kind: 's3' } & Omit<S3BlobsOptions, 'logger'>)

export async function openBlobs(config: BlobsConfig, { logger }: { logger?: BlobLogger | undefined } = {}): Promise<BlobStore> {
  if (config.kind === 'local') return await openLocalBlobs({ ...config, logger })
  // Its library takes 30 MiB, which most servers have no use for.
  const { openS3Blobs } = await import('./s3.ts')
  return await openS3Blobs({ ...config, logger })
}
