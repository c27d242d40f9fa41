import type { Nft } from '@keepsake/api/nft.ts'
import type { Caller } from '../accounts/authenticate.ts'
import type { BlobStore } from '../blobs/blobs.ts'
import { keepContent } from '../blocks/content.ts'
import type { Db } from '../database/database.ts'
import type { Facts } from '../jobs/facts.ts'
import type { Received } from './received.ts'
import { upsertUpload } from './store.ts'
import { toNft } from './uploads.ts'

export interface RecordComponents {
  database: Db
  blobs: BlobStore
  facts: Facts
}

export interface UploadLabels {
  mimeType: string
  /** What the uploader calls it. */
  name: string | undefined
  meta?: Record<string, unknown>
}

/**
 * Makes a received upload true: names its shard, indexes its blocks, enters the claim, and records the fact, in one transaction.
 * Whatever is acknowledged after this survives a power cut; whatever fails before leaves nothing that anybody can see.
 */
export async function recordUpload(
  components: RecordComponents,
  caller: Caller,
  received: Received,
  labels: UploadLabels,
): Promise<Nft> {
  const { database, facts } = components
  return await database.kysely.transaction().execute(async (kysely) => {
    const db = { kysely }
    const content = await keepContent(db, received.content)
    const row = await upsertUpload(db, {
      userId: caller.userId,
      keyId: caller.keyId,
      contentId: content.id,
      // As the CAR had it: a CIDv0 stays one.
      sourceCid: received.content.cid.toString(),
      type: received.type,
      mimeType: labels.mimeType,
      name: labels.name,
      scope: caller.label,
      files: received.files,
      meta: labels.meta ?? {},
      parts: [received.part],
    })
    if (content.completeAt === null) await facts.record(db, 'shard:indexed', { contentId: content.id })
    return toNft(row)
  })
}
