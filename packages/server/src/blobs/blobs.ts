import type { AbortOptions } from '@keepsake/content/block.ts'

/** Bytes being received: they have no name yet and nobody can read them. Exactly one of `commit` and `discard` ends it. */
export interface StagedBlob extends AsyncDisposable {
  /** The scratch file, for a writer on another thread; it must fsync what it writes, and then `adopt` is called here. */
  readonly path: string
  /** Bytes written so far. */
  readonly sizeBytes: number
  /** Appends. The caller must not change `chunks` until the promise settles; writes happen in the order of the calls. */
  write(...chunks: Uint8Array[]): Promise<void>
  /** Resolves when every byte written so far would survive a power cut (locally: fsync of the file). */
  sync(): Promise<void>
  /** Takes over what another thread has written to `path` and fsynced. */
  adopt(): Promise<void>
  /** Gives the synced bytes their name, durably. Idempotent over an equal blob. After it `readers` see the blob. */
  commit(key: string): Promise<void>
  /** Throws the bytes away; after `commit` it does nothing. Also what leaving an `await using` scope does. */
  discard(): Promise<void>
}

export interface BlobRange extends AbortOptions {
  /** First byte, from 0. */
  offset?: number
  /** How many bytes; to the end of the blob when left out. */
  length?: number
}

/** Some bytes of a blob. */
export interface BlobPlace {
  key: string
  offset: number
  length: number
}

/**
 * Bytes at rest, by key. Keys are CID strings (`[a-z0-9]+`), a blob is immutable once it has its key.
 * One contract suite (`test/blobs/contract.ts`) holds for every implementation.
 *
 * Reading calls throw a `BlobNotFoundError` for a key that is not there and a `BlobRangeError` for bytes past its end.
 * A key that is not `[a-z0-9]+` is an `InvalidBlobKeyError` everywhere.
 */
export interface BlobStore {
  /** Begins a new blob in local scratch space. */
  stage(): Promise<StagedBlob>
  /** Size in bytes, or undefined where there is no such blob. */
  sizeOf(key: string): Promise<number | undefined>
  /** Reads exactly `length` bytes at `offset` into one buffer: for blocks. A blob that ends before is an error. */
  read(key: string, offset: number, length: number, options?: AbortOptions): Promise<Uint8Array>
  /**
   * Reads many places, one behind the other, into one buffer: for small ones, of which each by itself would cost more than its bytes. Fails as `read`
   * does where one of them does. The buffer holds all of them, so the caller bounds how many there are.
   */
  readMany(places: readonly BlobPlace[], options?: AbortOptions): Promise<Uint8Array>
  /** Streams a range of any size in order with flat memory: for CARs and pieces. */
  stream(key: string, range?: BlobRange): AsyncIterable<Uint8Array>
  /** Deletes durably; deleting what is not there is fine. */
  delete(key: string): Promise<void>
  /** Every key with its size, in no order. */
  list(options?: AbortOptions): AsyncIterable<{ key: string; sizeBytes: number; modifiedAt: Date }>
  /** Throws when the store cannot be written and read at this moment: for `GET /health`. */
  check(): Promise<void>
  /** Removes scratch files left by processes that died, and releases handles on close. */
  close(): Promise<void>
}

export class BlobNotFoundError extends Error {
  override readonly name = 'BlobNotFoundError'
  readonly key: string
  constructor(key: string, options?: ErrorOptions) {
    super(`No blob ${key}.`, options)
    this.key = key
  }
}

export class BlobRangeError extends RangeError {
  override readonly name = 'BlobRangeError'
  readonly key: string
  constructor(key: string, range: { offset: number; length?: number | undefined }, sizeBytes?: number) {
    const end = range.length === undefined ? 'the end' : `byte ${range.offset + range.length}`
    const size = sizeBytes === undefined ? '' : ` of ${sizeBytes} bytes`
    super(`Bytes ${range.offset} to ${end} are not all inside blob ${key}${size}.`)
    this.key = key
  }
}

export class InvalidBlobKeyError extends TypeError {
  override readonly name = 'InvalidBlobKeyError'
  constructor(key: string) {
    super(`A blob key is 1 to 200 lower-case letters and digits; this is not one: ${JSON.stringify(key.slice(0, 80))}.`)
  }
}

/** Keys become file names and object names: nothing but letters and digits keeps them inside their folder. */
export function isBlobKey(key: string): boolean {
  return /^[a-z0-9]{1,200}$/.test(key)
}

export function assertBlobKey(key: string): void {
  if (!isBlobKey(key)) throw new InvalidBlobKeyError(key)
}

/** Checks that a range is made of whole numbers and returns where it ends, given the size of the blob. */
export function endOfRange(
  key: string,
  sizeBytes: number,
  range: { offset?: number | undefined; length?: number | undefined },
): number {
  const offset = range.offset ?? 0
  const end = range.length === undefined ? sizeBytes : offset + range.length
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(end) || offset < 0 || end < offset || end > sizeBytes) {
    throw new BlobRangeError(key, { offset, length: range.length }, sizeBytes)
  }
  return end
}

/** The part of a pino-like logger that blob stores use. */
export interface BlobLogger {
  info(details: object, message: string): void
  warn(details: object, message: string): void
}
