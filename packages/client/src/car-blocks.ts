import type { Block, BlockSource } from '@keepsake/content/block.ts'
import type { DecodedCar } from '@keepsake/content/car/decode.ts'
import { decodeCar } from '@keepsake/content/car/decode.ts'
import { identityBytes, isIdentity } from '@keepsake/content/dag/identity.ts'
import { isContentError } from '@keepsake/content/errors.ts'
import { verifyBlock } from '@keepsake/content/hash/verify.ts'
import type { CID } from 'multiformats/cid'
import type { Connection } from './connection.ts'
import { ClientError } from './errors.ts'
import { requestBlock, requestCar } from './gateway.ts'

const maxBlockBytes = 4 * 1024 * 1024

export interface CarBlocksOptions {
  path?: readonly string[] | undefined
  signal?: AbortSignal | undefined
  /** Told how many bytes have come in. */
  onProgress?: ((receivedBytes: number) => void) | undefined
  /** Told when the stream broke and the rest is fetched block by block. */
  onBroken?: ((reason: string) => void) | undefined
}

/** Blocks of one DAG, asked for in the order in which a gateway sends them; each checked against its CID. */
export interface CarBlocks extends BlockSource, AsyncDisposable {}

/**
 * Reads a DAG from a gateway as one CAR. Blocks are to be asked for depth first: then they are taken from the stream as they come and
 * memory stays flat. One that is not next in the stream (the gateway sends repeated blocks once, or in another order, or the stream
 * broke) is asked for by itself.
 *
 * @throws ClientError `NOT_VERIFIED` for a block that is not what its CID says, `REFUSED`, `UNREACHABLE`
 */
export async function openCarBlocks(connection: Connection, cid: CID, options: CarBlocksOptions = {}): Promise<CarBlocks> {
  const { path, signal, onBroken } = options
  const meter = byteMeter(options.onProgress)
  const response = await requestCar(connection, cid, { path, duplicates: true, signal })
  const recent = /dups=y/i.test(response.headers.get('content-type') ?? '') ? undefined : recentBlocks()
  const stream = carStream(response, meter, signal)

  const fromStream = async (wanted: CID): Promise<Uint8Array | undefined> => {
    try {
      const next = await stream.peek()
      if (next === undefined || !sameHash(next.cid, wanted)) return undefined
      stream.drop()
      return next.bytes
    } catch (error) {
      signal?.throwIfAborted()
      if (isContentError(error, 'HASH_MISMATCH')) throw notVerified(error)
      if (isContentError(error) && error.message !== 'Unexpected end of data') throw unreadable(error)
      // Broken off, not wrong: what is missing can still be had.
      onBroken?.('The stream broke off')
      await stream.end()
      return undefined
    }
  }

  const get = async (wanted: CID): Promise<Uint8Array> => {
    if (isIdentity(wanted)) return identityBytes(wanted)
    const known = recent?.find(wanted) ?? (await fromStream(wanted))
    if (known) {
      recent?.keep(wanted, known)
      return known
    }
    const bytes = await requestBlock(connection, wanted, { signal })
    meter.add(bytes.length)
    await verified({ cid: wanted, bytes })
    recent?.keep(wanted, bytes)
    return bytes
  }

  async function* getMany(cids: readonly CID[]): AsyncGenerator<Block> {
    for (const each of cids) yield { cid: each, bytes: await get(each) }
  }
  return { get, getMany, [Symbol.asyncDispose]: () => stream.end() }
}

async function verified({ cid, bytes }: Block): Promise<void> {
  try {
    await verifyBlock(cid, bytes)
  } catch (error) {
    throw notVerified(error as Error)
  }
}

export function notVerified(cause: Error): ClientError {
  return new ClientError('NOT_VERIFIED', `The gateway sent wrong bytes, nothing of it was kept: ${cause.message}`, { cause })
}

export function unreadable(cause: Error): ClientError {
  return new ClientError('UNEXPECTED_ANSWER', `What the gateway sent is not the CAR that was asked for: ${cause.message}`, {
    cause,
  })
}

function sameHash(a: CID, b: CID): boolean {
  const [x, y] = [a.multihash.bytes, b.multihash.bytes]
  return x.length === y.length && x.every((byte, at) => byte === y[at])
}

function byteMeter(onProgress: CarBlocksOptions['onProgress']) {
  let receivedBytes = 0
  return {
    add(count: number): void {
      receivedBytes += count
      onProgress?.(receivedBytes)
    },
  }
}

export async function* responseBytes(response: Response, onBytes: (count: number) => void): AsyncGenerator<Uint8Array> {
  for await (const chunk of response.body ?? []) {
    onBytes((chunk as Uint8Array).length)
    yield chunk as Uint8Array
  }
}

/** The blocks of a CAR, verified, with a look at the next one. */
function carStream(response: Response, meter: { add(count: number): void }, signal: AbortSignal | undefined) {
  const source = responseBytes(response, (count) => meter.add(count))
  let opening: Promise<DecodedCar> | undefined
  let car: DecodedCar | undefined
  let next: Block | undefined
  let isOver = false
  return {
    async peek(): Promise<Block | undefined> {
      if (next || isOver) return next
      opening ??= decodeCar(source, { signal, maxBlockBytes })
      car = await opening
      const step = await car.blocks.next()
      if (step.done) {
        isOver = true
        return undefined
      }
      await verifyBlock(step.value.cid, step.value.bytes)
      next = step.value
      return next
    },
    drop(): void {
      next = undefined
    },
    async end(): Promise<void> {
      isOver = true
      next = undefined
      await car?.[Symbol.asyncDispose]()
      await source.return(undefined)
      await response.body?.cancel().catch(() => {})
    },
  }
}

const maxRecentBytes = 32 * 1024 * 1024

/** The blocks seen last, for gateways that send a repeated block once. */
function recentBlocks() {
  const blocks = new Map<string, Uint8Array>()
  let totalBytes = 0
  const nameOf = (cid: CID) => String.fromCharCode(...cid.multihash.bytes)
  return {
    find: (cid: CID) => blocks.get(nameOf(cid)),
    keep(cid: CID, bytes: Uint8Array): void {
      const name = nameOf(cid)
      if (blocks.has(name)) return
      blocks.set(name, bytes.slice())
      totalBytes += bytes.length
      for (const [oldest, old] of blocks) {
        if (totalBytes <= maxRecentBytes) break
        blocks.delete(oldest)
        totalBytes -= old.length
      }
    },
  }
}
