import type { MultipartLimits } from './multipart.ts'
import { receiveCar } from './receive-car.ts'
import { receiveDirectory } from './receive-directory.ts'
import { receiveFile } from './receive-file.ts'
import { receiveNft } from './receive-nft.ts'
import type { ReceiveContext, Received } from './received.ts'

/** What a body is to be read as. Plain data: it also goes to other threads. */
export interface ReadPlan {
  kind: 'file' | 'directory' | 'car' | 'nft'
  contentType: string
  maxBlockBytes: number
  form: MultipartLimits
}

export interface ReadResult {
  received: Received
  /** Of an `nft`: its metadata with links in place of files. */
  data?: unknown
}

/** Reads a body of any kind into a staged shard, on whatever thread this runs. */
export async function readUpload(plan: ReadPlan, body: AsyncIterable<Uint8Array>, context: ReceiveContext): Promise<ReadResult> {
  const form = { contentType: plan.contentType, limits: plan.form }
  switch (plan.kind) {
    case 'file':
      return { received: await receiveFile(body, context) }
    case 'directory':
      return { received: await receiveDirectory(body, context, form) }
    case 'car':
      return { received: await receiveCar(body, { ...context, maxBlockBytes: plan.maxBlockBytes }) }
    case 'nft':
      return await receiveNft(body, context, form)
  }
}
