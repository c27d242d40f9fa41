import { ContentError } from '../errors.ts'

/** Gets every chunk of what is being read, in order. Reading goes on when the promise resolves. */
export type OnPayload = (chunk: Uint8Array) => void | Promise<void>

const EMPTY = new Uint8Array()

/** The largest integer that is exact in JavaScript takes this many bytes as a varint. */
const MAX_VARINT_BYTES = 8

/**
 * Reads exact ranges out of a stream of chunks. A range inside one chunk is a view of it; one that spans chunks is copied once.
 */
export class ByteReader {
  /** Bytes taken since the start, or since the last `beginPayload`. */
  position = 0
  readonly #source: AsyncIterator<Uint8Array>
  readonly #signal: AbortSignal | undefined
  #onPayload: OnPayload | undefined
  #chunk: Uint8Array = EMPTY
  #at = 0
  /** What follows the payload in the chunk where it ended. */
  #afterPayload: Uint8Array = EMPTY
  /** Bytes of the payload that have not come in yet. */
  #payloadLeft = Number.POSITIVE_INFINITY
  /** Chunks that came in before it was known whether they are payload. */
  #undecided: Uint8Array[] | undefined = []

  constructor(source: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined) {
    this.#source = source[Symbol.asyncIterator]()
    this.#signal = signal
  }

  /** Declares everything from the first byte on to be the payload. */
  async beginPayloadAtStart(onPayload: OnPayload | undefined): Promise<void> {
    for (const chunk of this.#undecided ?? []) await onPayload?.(chunk)
    this.#undecided = undefined
    this.#onPayload = onPayload
  }

  /** Leaves out `skipBytes`, then declares the next `payloadBytes` to be the payload; `position` starts at 0 again. */
  async beginPayload(skipBytes: number, payloadBytes: number, onPayload: OnPayload | undefined): Promise<void> {
    this.#undecided = undefined
    await this.#skip(skipBytes)
    const rest = this.#chunk.subarray(this.#at)
    this.position = 0
    this.#onPayload = onPayload
    this.#payloadLeft = payloadBytes
    this.#at = 0
    this.#chunk = EMPTY
    if (rest.length > 0) await this.#accept(rest)
  }

  /** Whether the payload (or the stream, where that ends first) has been read to its end. */
  isAtEnd(): boolean | Promise<boolean> {
    return this.#at < this.#chunk.length ? false : this.#fill().then((filled) => !filled)
  }

  /** The next `count` bytes. The caller bounds `count`: this much is allocated when they span chunks. */
  take(count: number): Uint8Array | Promise<Uint8Array> {
    if (this.#chunk.length - this.#at < count) return this.#gather(count)
    this.#at += count
    this.position += count
    return this.#chunk.subarray(this.#at - count, this.#at)
  }

  /** An unsigned varint (multiformats specification): at most 2^53 - 1, and no longer than it needs to be. */
  takeVarint(): number | Promise<number> {
    const available = Math.min(this.#chunk.length - this.#at, MAX_VARINT_BYTES)
    for (let length = 1; length <= available; length++) {
      if (this.#chunk[this.#at + length - 1]! < 0x80) {
        const value = varintValue(this.#chunk, this.#at, length)
        this.#at += length
        this.position += length
        return value
      }
    }
    return this.#gatherVarint()
  }

  /** Reads what follows the payload to the end of the stream and says how many bytes it was. Throws when the payload is incomplete. */
  async drainAfterPayload(): Promise<number> {
    while (await this.#fill());
    if (this.#payloadLeft > 0 && this.#payloadLeft !== Number.POSITIVE_INFINITY) throw unexpectedEnd()
    let count = this.#afterPayload.length
    this.#afterPayload = EMPTY
    for (;;) {
      this.#signal?.throwIfAborted()
      const next = await this.#source.next()
      if (next.done === true) return count
      count += next.value.length
    }
  }

  /** Lets go of the stream. */
  async close(): Promise<void> {
    await this.#source.return?.()
  }

  async #skip(count: number): Promise<void> {
    let left = count
    for (;;) {
      const step = Math.min(left, this.#chunk.length - this.#at)
      this.#at += step
      this.position += step
      left -= step
      if (left === 0) return
      if (!(await this.#fill())) throw unexpectedEnd()
    }
  }

  async #gather(count: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(count)
    let filled = 0
    for (;;) {
      const step = Math.min(count - filled, this.#chunk.length - this.#at)
      bytes.set(this.#chunk.subarray(this.#at, this.#at + step), filled)
      this.#at += step
      filled += step
      if (filled === count) break
      if (!(await this.#fill())) throw unexpectedEnd()
    }
    this.position += count
    return bytes
  }

  async #gatherVarint(): Promise<number> {
    const bytes = new Uint8Array(MAX_VARINT_BYTES)
    for (let length = 1; length <= MAX_VARINT_BYTES; length++) {
      const byte = (await this.take(1))[0]!
      bytes[length - 1] = byte
      if (byte < 0x80) return varintValue(bytes, 0, length)
    }
    throw new ContentError('INVALID_CAR', 'Invalid varint: more than 2^53 - 1')
  }

  /** Makes the next chunk of the payload the current one; false at its end. */
  async #fill(): Promise<boolean> {
    while (this.#payloadLeft > 0) {
      this.#signal?.throwIfAborted()
      const next = await this.#source.next()
      if (next.done === true) return false
      if (next.value.length === 0) continue
      this.#undecided?.push(next.value)
      await this.#accept(next.value)
      return true
    }
    return false
  }

  async #accept(chunk: Uint8Array): Promise<void> {
    const payload = chunk.length > this.#payloadLeft ? chunk.subarray(0, this.#payloadLeft) : chunk
    if (payload.length < chunk.length) this.#afterPayload = chunk.subarray(payload.length)
    this.#payloadLeft -= payload.length
    this.#chunk = payload
    this.#at = 0
    if (payload.length > 0) await this.#onPayload?.(payload)
  }
}

export function unexpectedEnd(): ContentError {
  return new ContentError('INVALID_CAR', 'Unexpected end of data')
}

function varintValue(bytes: Uint8Array, at: number, length: number): number {
  if (length > 1 && bytes[at + length - 1] === 0) throw new ContentError('INVALID_CAR', 'Invalid varint: not minimally encoded')
  let value = 0
  for (let index = length - 1; index >= 0; index--) value = value * 128 + (bytes[at + index]! & 0x7f)
  if (value > Number.MAX_SAFE_INTEGER) throw new ContentError('INVALID_CAR', 'Invalid varint: more than 2^53 - 1')
  return value
}
