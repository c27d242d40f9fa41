import { CHUNK_BYTES, packFile } from '@keepsake/content/unixfs/file.ts'
import { bufferPool } from '../blocks/buffer-pool.ts'
import { KeepsakeError } from '../errors.ts'
import type { ReceiveContext, Received } from './received.ts'
import { packShard } from './received.ts'

/** One file, as it is: not wrapped in a directory. @throws KeepsakeError `BAD_REQUEST` for an empty body */
export async function receiveFile(body: AsyncIterable<Uint8Array>, { staged, signal }: ReceiveContext): Promise<Received> {
  const pool = bufferPool(CHUNK_BYTES)
  const blocks = packFile(body, { signal, allocate: pool.take })
  const { result, writer } = await packShard(staged, blocks, pool.giveBack)
  if (result.fileBytes === 0) throw new KeepsakeError('BAD_REQUEST', 'empty payload')
  const shard = await writer.finish()
  return {
    content: { cid: result.cid, dagBytes: result.dagBytes, complete: true, shard },
    type: 'Blob',
    files: [],
    part: shard.cid,
  }
}
