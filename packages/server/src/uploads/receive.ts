import type { Nft, Token } from '@keepsake/api/nft.ts'
import type { FastifyRequest } from 'fastify'
import type { Caller } from '../accounts/authenticate.ts'
import type { BlobStore, StagedBlob } from '../blobs/blobs.ts'
import type { Config } from '../config.ts'
import { KeepsakeError } from '../errors.ts'
import { checkContentLength, readBody } from '../http/body.ts'
import { sentMediaType } from '../http/media-type.ts'
import type { ReadPlan, ReadResult } from './read-upload.ts'
import { readUpload } from './read-upload.ts'
import type { Readers } from './readers.ts'
import type { RecordUpload } from './record.ts'
import { checkName } from './uploads.ts'

export interface ReceiveComponents {
  config: Config
  blobs: BlobStore
  readers: Readers
  recordUpload: RecordUpload
}

/** Both names of a CAR: the one nft.storage used and the registered one. */
const carTypes = /application\/(vnd\.ipld\.)?car\b/i

/** The uploader's name for it, URI-encoded because header values are ASCII. */
function nameFrom(header: string | string[] | undefined): string | undefined {
  const text = Array.isArray(header) ? header[0] : header
  if (text === undefined || text === '') return undefined
  try {
    return checkName(decodeURIComponent(text))
  } catch (error) {
    if (error instanceof KeepsakeError) throw error
    throw new KeepsakeError('ERROR_INVALID_NAME', 'The X-Name header is not URI-encoded text.', { cause: error })
  }
}

function openBody({ config }: ReceiveComponents, request: FastifyRequest): AsyncIterable<Uint8Array> {
  const maxBytes = config.MAX_UPLOAD_BYTES
  checkContentLength(request.headers['content-length'], maxBytes)
  return readBody(request.raw, { maxBytes, idleTimeoutMs: config.UPLOAD_IDLE_TIMEOUT_MS })
}

function planOf({ config }: ReceiveComponents, kind: ReadPlan['kind'], contentType: string): ReadPlan {
  const form = { maxFiles: config.MAX_FILES_PER_UPLOAD, maxTextBytes: config.MAX_METADATA_BYTES }
  return { kind, contentType, maxBlockBytes: config.MAX_BLOCK_BYTES, form }
}

function kindOf(mimeType: string): ReadPlan['kind'] {
  if (/multipart\/form-data/i.test(mimeType)) return 'directory'
  return carTypes.test(mimeType) ? 'car' : 'file'
}

/** Up to this size a body is read on this thread: handing it to another costs more than hashing it. */
const maxHereBytes = 256 * 1024

/**
 * Reads the body of a request into a staged blob, and gives both to `use`: whatever goes wrong, the bytes are thrown away unless they were
 * committed.
 */
async function receive<T>(
  components: ReceiveComponents,
  request: FastifyRequest,
  plan: ReadPlan,
  use: (result: ReadResult, staged: StagedBlob) => Promise<T>,
): Promise<T> {
  const body = openBody(components, request)
  await using staged = await components.blobs.stage()
  const announcedBytes = Number(request.headers['content-length'] ?? Number.POSITIVE_INFINITY)
  if (announcedBytes > maxHereBytes) return await use(await components.readers.read(plan, body, staged), staged)
  const leaving = new AbortController()
  request.raw.once(
    'close',
    () => request.raw.complete || leaving.abort(new KeepsakeError('BAD_REQUEST', 'The client went away.')),
  )
  return await use(await readUpload(plan, body, { staged, signal: leaving.signal }), staged)
}

/** `POST /upload`: the media type says what the body is; what it is in truth is checked while it is read. */
export async function receiveUpload(
  components: ReceiveComponents,
  request: FastifyRequest,
  caller: Caller,
  mimeType: string = sentMediaType(request),
): Promise<Nft> {
  const name = nameFrom(request.headers['x-name'])
  const plan = planOf(components, kindOf(mimeType), mimeType)
  return await receive(components, request, plan, async ({ received }, staged) => {
    caller.credential?.checkContent({ root: received.content.cid, car: received.part })
    return await components.recordUpload({
      caller,
      received,
      staged,
      mimeType: received.type === 'Car' ? 'application/car' : mimeType,
      name,
      ...(caller.credential && { meta: caller.credential.meta }),
    })
  })
}

/** `POST /store`: ERC-1155 metadata with its files becomes a dag-cbor root. */
export async function storeNft(components: ReceiveComponents, request: FastifyRequest, caller: Caller): Promise<Token> {
  const mimeType = sentMediaType(request)
  if (!/multipart\/form-data/i.test(mimeType))
    throw new KeepsakeError('BAD_REQUEST', 'content-type should be `multipart/form-data`')
  const name = nameFrom(request.headers['x-name'])
  return await receive(components, request, planOf(components, 'nft', mimeType), async ({ received, data }, staged) => {
    await components.recordUpload({ caller, received, staged, mimeType, name })
    const ipnft = received.content.cid.toString()
    return { ipnft, url: `ipfs://${ipnft}/metadata.json`, data }
  })
}
