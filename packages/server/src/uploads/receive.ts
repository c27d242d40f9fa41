import type { Nft, Token } from '@keepsake/api/nft.ts'
import type { FastifyRequest } from 'fastify'
import type { Caller } from '../accounts/authenticate.ts'
import type { BlobStore } from '../blobs/blobs.ts'
import type { Config } from '../config.ts'
import { KeepsakeError } from '../errors.ts'
import { checkContentLength, readBody } from '../http/body.ts'
import { sentMediaType } from '../http/media-type.ts'
import { receiveCar } from './receive-car.ts'
import { receiveDirectory } from './receive-directory.ts'
import { receiveFile } from './receive-file.ts'
import { receiveNft } from './receive-nft.ts'
import type { ReceiveContext, Received } from './received.ts'
import type { RecordUpload } from './record.ts'
import { checkName } from './uploads.ts'

export interface ReceiveComponents {
  config: Config
  blobs: BlobStore
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

function formOf({ config }: ReceiveComponents, contentType: string) {
  return { contentType, limits: { maxFiles: config.MAX_FILES_PER_UPLOAD, maxTextBytes: config.MAX_METADATA_BYTES } }
}

/** Stages a blob for the time of one request: whatever goes wrong, its bytes are thrown away unless they were committed. */
async function withStaged<T>(
  { blobs }: ReceiveComponents,
  request: FastifyRequest,
  use: (context: ReceiveContext) => Promise<T>,
): Promise<T> {
  const leaving = new AbortController()
  const leave = () => leaving.abort(new KeepsakeError('BAD_REQUEST', 'The client went away.'))
  request.raw.once('close', () => request.raw.complete || leave())
  await using staged = await blobs.stage()
  return await use({ staged, signal: leaving.signal })
}

/** `POST /upload`: the media type says what the body is; what it is in truth is checked while it is read. */
export async function receiveUpload(
  components: ReceiveComponents,
  request: FastifyRequest,
  caller: Caller,
  mimeType: string = sentMediaType(request),
): Promise<Nft> {
  const name = nameFrom(request.headers['x-name'])
  const body = openBody(components, request)
  return await withStaged(components, request, async (context) => {
    const received = await receiveBody(components, body, mimeType, context)
    caller.credential?.checkContent({ root: received.content.cid, car: received.part })
    return await components.recordUpload({
      caller,
      received,
      mimeType: received.type === 'Car' ? 'application/car' : mimeType,
      name,
      ...(caller.credential && { meta: caller.credential.meta }),
    })
  })
}

async function receiveBody(
  components: ReceiveComponents,
  body: AsyncIterable<Uint8Array>,
  mimeType: string,
  context: ReceiveContext,
): Promise<Received> {
  if (/multipart\/form-data/i.test(mimeType)) return await receiveDirectory(body, context, formOf(components, mimeType))
  if (carTypes.test(mimeType)) return await receiveCar(body, { ...context, maxBlockBytes: components.config.MAX_BLOCK_BYTES })
  return await receiveFile(body, context)
}

/** `POST /store`: ERC-1155 metadata with its files becomes a dag-cbor root. */
export async function storeNft(components: ReceiveComponents, request: FastifyRequest, caller: Caller): Promise<Token> {
  const mimeType = sentMediaType(request)
  if (!/multipart\/form-data/i.test(mimeType))
    throw new KeepsakeError('BAD_REQUEST', 'content-type should be `multipart/form-data`')
  const name = nameFrom(request.headers['x-name'])
  const body = openBody(components, request)
  return await withStaged(components, request, async (context) => {
    const { received, data } = await receiveNft(body, context, formOf(components, mimeType))
    await components.recordUpload({ caller, received, mimeType, name })
    const ipnft = received.content.cid.toString()
    return { ipnft, url: `ipfs://${ipnft}/metadata.json`, data }
  })
}
