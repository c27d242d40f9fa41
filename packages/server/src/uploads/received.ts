import type { Block } from '@keepsake/content/block.ts'
import type { CID } from 'multiformats/cid'
import type { ReceivedContent } from '../blocks/content.ts'
import type { Sink } from '../blocks/shard-writer.ts'
import { shardWriter } from '../blocks/shard-writer.ts'
import type { UploadType } from '../database/schema.ts'

/** What a request body turned out to be: verified, durable, and not yet acknowledged or visible. */
export interface Received {
  content: ReceivedContent
  type: UploadType
  files: { name: string; type: string }[]
  /** CAR CID of what was received. */
  part: CID
}

/** What every kind of upload is read with. */
export interface ReceiveContext {
  staged: Sink
  signal: AbortSignal
}

/**
 * Writes blocks into a shard and gives back what the generator that makes them returns. The server made these blocks itself, so
 * nothing is missing.
 */
export async function packShard<T>(staged: Sink, blocks: AsyncGenerator<Block, T>, onWritten?: (chunk: Uint8Array) => void) {
  // The root is only known at the end.
  const writer = shardWriter(staged, [], onWritten)
  try {
    for (;;) {
      const next = await blocks.next()
      if (next.done) return { result: next.value, writer }
      const full = writer.add(next.value)
      if (full) await full
    }
  } finally {
    // After an error: what the blocks are made of must be let go too.
    await blocks.return(undefined as T)
  }
}
