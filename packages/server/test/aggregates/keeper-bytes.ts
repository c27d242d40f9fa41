import { createHash } from 'node:crypto'
import type { Block } from '@keepsake/content/block.ts'
import { packFile } from '@keepsake/content/unixfs/file.ts'
import type { CID } from 'multiformats/cid'

/** Bytes that look random and are the same every time. */
export function bytesOf(seed: string, length: number): Buffer {
  const chunks: Buffer[] = []
  for (let at = 0, index = 0; at < length; at += 32, index++)
    chunks.push(createHash('sha256').update(`${seed} ${index}`).digest())
  return Buffer.concat(chunks).subarray(0, length)
}

/** The blocks of a file, leaves first. */
export async function fileBlocks(bytes: Uint8Array): Promise<{ root: CID; blocks: Block[] }> {
  const blocks: Block[] = []
  const packing = packFile(
    (async function* () {
      yield bytes
    })(),
  )
  for (;;) {
    const next = await packing.next()
    if (next.done) return { root: next.value.cid, blocks }
    blocks.push(next.value)
  }
}
