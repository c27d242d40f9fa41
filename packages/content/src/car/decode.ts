import { CID } from 'multiformats/cid'
import { type AbortOptions, type Block, MAX_BLOCK_BYTES } from '../block.ts'
import { ContentError } from '../errors.ts'
import { ByteReader, type OnPayload } from './byte-reader.ts'
import { readHeader, readV2Header } from './header.ts'

/** Room for some 25,000 roots. */
const DEFAULT_MAX_HEADER_BYTES = 1024 * 1024

/** Longest CID we read: the hash functions in use have at most 64 bytes of digest; the rest is room for long codes. */
const MAX_CID_BYTES = 128

export interface DecodeCarOptions extends AbortOptions {
  /** Largest block allowed, itself included. */
  maxBlockBytes?: number | undefined
  maxHeaderBytes?: number | undefined
  /**
   * Gets every byte of the CARv1 payload once and in order, as it comes in: all of a CARv1 file, only the inner CAR of a CARv2.
   * May get bytes before it is known whether they decode.
   */
  onPayload?: OnPayload | undefined
}

export interface CarBlock extends Block {
  /** Where the block's bytes start, counted from the start of the CARv1 payload. */
  offset: number
  /** How many bytes the block has. */
  length: number
}

export interface DecodedCar extends AsyncDisposable {
  /** Of the file. The payload is always a CARv1. */
  version: 1 | 2
  roots: CID[]
  /** The blocks as they come in, hashes not checked. To be walked once, to the end; leaving early closes the source. */
  blocks: AsyncGenerator<CarBlock, void, undefined>
}

/**
 * Reads a CAR (v1 or v2) from a stream in flat memory: resolves when the header has been read. A block that lies in one chunk of
 * the source is a view of it, so chunks must not be overwritten. `signal` is looked at between chunks.
 *
 * @throws {ContentError} `INVALID_CAR`, from here or while walking `blocks`, for anything the specification forbids.
 */
export async function decodeCar(source: AsyncIterable<Uint8Array>, options: DecodeCarOptions = {}): Promise<DecodedCar> {
  const { signal, onPayload, maxHeaderBytes = DEFAULT_MAX_HEADER_BYTES, maxBlockBytes = MAX_BLOCK_BYTES } = options
  const reader = new ByteReader(source, signal)
  try {
    const header = await readHeader(reader, maxHeaderBytes)
    if (header.version === 1) await reader.beginPayloadAtStart(onPayload)
    const { roots, minTrailerBytes } =
      header.version === 1 ? { roots: header.roots, minTrailerBytes: undefined } : await openV2(reader, maxHeaderBytes, onPayload)
    const blocks = readBlocks(reader, maxBlockBytes, minTrailerBytes)
    return { version: header.version, roots, blocks, [Symbol.asyncDispose]: () => reader.close() }
  } catch (error) {
    await reader.close()
    throw error
  }
}

async function openV2(reader: ByteReader, maxHeaderBytes: number, onPayload: OnPayload | undefined) {
  const { paddingBytes, dataBytes, minTrailerBytes } = await readV2Header(reader)
  await reader.beginPayload(paddingBytes, dataBytes, onPayload)
  const inner = await readHeader(reader, maxHeaderBytes)
  if (inner.version !== 1) throw new ContentError('INVALID_CAR', `Invalid CAR version: ${inner.version} (expected 1)`)
  return { roots: inner.roots, minTrailerBytes }
}

/** `minTrailerBytes`: how much has to follow the payload of a CARv2; undefined for a CARv1. */
async function* readBlocks(reader: ByteReader, maxBlockBytes: number, minTrailerBytes: number | undefined) {
  try {
    for (;;) {
      const atEnd = reader.isAtEnd()
      if (typeof atEnd === 'boolean' ? atEnd : await atEnd) break
      const varint = reader.takeVarint()
      const sectionBytes = typeof varint === 'number' ? varint : await varint
      if (sectionBytes === 0) throw new ContentError('INVALID_CAR', 'Invalid CAR section (zero length)')
      if (sectionBytes > maxBlockBytes + MAX_CID_BYTES) await refuseBigSection(reader, sectionBytes, maxBlockBytes)
      const taken = reader.take(sectionBytes)
      const section = taken instanceof Promise ? await taken : taken
      const cid = leadingCid(section)
      const bytes = section.subarray(cid.bytes.length)
      if (bytes.length > maxBlockBytes) throw tooBig(bytes.length, maxBlockBytes)
      yield { cid, bytes, offset: reader.position - bytes.length, length: bytes.length } satisfies CarBlock
    }
    if (minTrailerBytes !== undefined) await checkTrailer(reader, minTrailerBytes)
  } finally {
    await reader.close()
  }
}

async function checkTrailer(reader: ByteReader, minTrailerBytes: number): Promise<void> {
  const trailerBytes = await reader.drainAfterPayload()
  if (trailerBytes < minTrailerBytes) throw new ContentError('INVALID_CAR', 'Unexpected end of data')
}

/** Reads only the CID of a section that is too long, to say how big its block would be. */
async function refuseBigSection(reader: ByteReader, sectionBytes: number, maxBlockBytes: number): Promise<never> {
  const cid = leadingCid(await reader.take(MAX_CID_BYTES))
  throw tooBig(sectionBytes - cid.bytes.length, maxBlockBytes)
}

function tooBig(blockBytes: number, maxBlockBytes: number): ContentError {
  return new ContentError('INVALID_CAR', `block too big: ${blockBytes} > ${maxBlockBytes}`)
}

/** The CID a section starts with, on bytes of its own so that keeping it does not keep the chunk it came in. */
function leadingCid(section: Uint8Array): CID {
  try {
    const { size } = CID.inspectBytes(section.subarray(0, MAX_CID_BYTES))
    if (size > section.length) throw new RangeError('CID is longer than its section')
    if (size > MAX_CID_BYTES) throw new RangeError(`CID has ${size} bytes, more than ${MAX_CID_BYTES}`)
    return CID.decode(section.slice(0, size))
  } catch (cause) {
    throw new ContentError('INVALID_CAR', `Invalid CAR section: ${cause instanceof Error ? cause.message : cause}`, { cause })
  }
}
