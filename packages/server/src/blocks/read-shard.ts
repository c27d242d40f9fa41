import { createHash } from 'node:crypto'
import { decodeCar } from '@keepsake/content/car/decode.ts'
import { isContentError } from '@keepsake/content/errors.ts'
import { verifyBlock } from '@keepsake/content/hash/verify.ts'
import type { CID } from 'multiformats/cid'
import type { BlobStore } from '../blobs/blobs.ts'
import type { BlockEntry } from './shard-writer.ts'
import { digestKey } from './shard-writer.ts'

/** What the bytes of a shard say, whatever the index says. */
export interface ShardReading {
  /** The blocks that are what their CIDs say, each once, where it comes first. */
  entries: BlockEntry[]
  /** Multihashes of `entries`, as map keys. */
  known: Set<string>
  /** Why the shard is not what its name says; undefined for an intact one. */
  damage: string | undefined
}

/** Nothing larger was ever accepted (`MAX_BLOCK_BYTES` ends at 4 MiB). */
const maxBlockBytes = 4 * 1024 * 1024
/** Blocks being hashed on other threads while the next are read. */
const maxInFlight = 16

/**
 * Reads a shard from its first byte to its last: every block is checked against its CID, and all of it against its name. Damage is
 * told, not thrown, and what is good of a damaged shard is given all the same.
 *
 * @throws BlobNotFoundError, and what else the blob store throws
 */
export async function readShard(
  blobs: Pick<BlobStore, 'stream'>,
  cid: CID,
  options: { signal?: AbortSignal | undefined; onBytes?: ((count: number) => void) | undefined },
): Promise<ShardReading> {
  const { signal, onBytes } = options
  const hash = createHash('sha256')
  async function* bytes() {
    for await (const chunk of blobs.stream(cid.toString(), { signal })) {
      hash.update(chunk)
      onBytes?.(chunk.length)
      yield chunk
    }
  }
  const reading: ShardReading = { entries: [], known: new Set(), damage: undefined }
  try {
    await readBlocks(bytes(), reading, signal)
    const isWhole = Buffer.compare(hash.digest(), cid.multihash.digest) === 0
    if (!isWhole) reading.damage ??= 'its bytes are not those its name was made from'
  } catch (error) {
    if (!isContentError(error, 'INVALID_CAR')) throw error
    reading.damage = `it cannot be read to its end: ${error.message}`
  }
  return reading
}

async function readBlocks(
  bytes: AsyncIterable<Uint8Array>,
  reading: ShardReading,
  signal: AbortSignal | undefined,
): Promise<void> {
  await using car = await decodeCar(bytes, { signal, maxBlockBytes })
  const verifying = new Set<Promise<void>>()
  const good: (BlockEntry | undefined)[] = []
  const wrong: CID[] = []
  try {
    for await (const { cid, bytes: block, offset, length } of car.blocks) {
      const index = good.push({ multihash: cid.multihash.bytes.slice(), offset, length }) - 1
      const fail = (error: unknown) => {
        if (!isContentError(error)) throw error
        good[index] = undefined
        wrong.push(cid)
      }
      const verified = check(cid, block).catch(fail)
      const settled = verified.finally(() => verifying.delete(settled))
      verifying.add(settled)
      if (verifying.size >= maxInFlight) await Promise.race(verifying)
    }
  } finally {
    await Promise.all(verifying)
    for (const entry of good) if (entry) keep(reading, entry)
    if (wrong.length > 0)
      reading.damage = `${wrong.length === 1 ? 'a block is' : `${wrong.length} blocks are`} damaged, for example ${wrong[0]}`
  }
}

async function check(cid: CID, bytes: Uint8Array): Promise<void> {
  await verifyBlock(cid, bytes)
}

function keep({ entries, known }: ShardReading, entry: BlockEntry): void {
  const name = digestKey(entry.multihash)
  if (known.has(name)) return
  known.add(name)
  entries.push(entry)
}
