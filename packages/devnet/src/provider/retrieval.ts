import { createReadStream } from 'node:fs'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { BlockSource } from '@keepsake/content/block.ts'
import { carStream } from '@keepsake/content/car/stream.ts'
import { resolvePath } from '@keepsake/content/dag/resolve.ts'
import { isContentError } from '@keepsake/content/errors.ts'
import { type DagScope, scopedBlocks } from '@keepsake/content/unixfs/read/scope.ts'
import { CID } from 'multiformats/cid'

/** A piece on the disk of this provider. */
export interface PieceOnDisk {
  path: string
  sizeBytes: number
}

export interface RetrievalSource {
  /** By a piece CID of either version. */
  findPiece(pieceCid: string): PieceOnDisk | undefined
  /** Everything in the pieces that are held. */
  blocks: BlockSource
  /** What the operator of the devnet made of this provider, for trying what Keepsake does then. */
  mood(): { isOffline: boolean; sendsWrongBytes: boolean }
}

const maxPathBytes = 4096
/** So many that no block comes through unharmed. */
const spoiledEveryBytes = 16

/** A refusal with the status it is answered with. */
class HttpRefusal extends Error {
  override readonly name = 'HttpRefusal'
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/**
 * Serves what a provider holds to anybody: `/ipfs/<cid>[/path]?format=raw|car` as a trustless gateway (the reader checks hashes, so nobody has to be
 * trusted), and `/piece/<piece CID>` whole or by a range.
 */
export function retrievalServer(source: RetrievalSource): Server {
  return createServer((request, response) => {
    if (source.mood().isOffline) return void request.socket.destroy()
    void answer(source, request, response).catch((error: unknown) => refuse(response, error))
  })
}

async function answer(source: RetrievalSource, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') throw new HttpRefusal(405, 'Only GET and HEAD are answered here.')
  const url = new URL((request.url ?? '/').slice(0, maxPathBytes), 'http://provider.invalid')
  const [, kind, ...rest] = url.pathname.split('/')
  if (kind === 'piece' && rest.length === 1) return await sendPiece(source, request, response, rest[0] as string)
  if (kind === 'ipfs' && rest[0]) return await sendContent(source, request, response, { url, segments: rest })
  throw new HttpRefusal(404, 'There are /ipfs/<cid>?format=raw or car, and /piece/<piece CID>.')
}

function refuse(response: ServerResponse, error: unknown): void {
  const missing = isContentError(error, 'BLOCK_NOT_FOUND') || isContentError(error, 'PATH_NOT_FOUND')
  const status = error instanceof HttpRefusal ? error.status : missing ? 404 : isContentError(error, 'INVALID_INPUT') ? 400 : 500
  if (response.headersSent) return void response.destroy()
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${(error as Error).message}\n`)
}

/** A range of the form that downloads use: one, from a byte to another or to the end. */
function rangeOf(header: string | undefined, sizeBytes: number): { start: number; end: number } | undefined {
  const [, from, to] = /^bytes=(\d{1,15})-(\d{0,15})$/.exec(header ?? '') ?? []
  if (from === undefined) return undefined
  const start = Number(from)
  const end = Math.min(to ? Number(to) : sizeBytes - 1, sizeBytes - 1)
  if (start >= sizeBytes || end < start) throw new HttpRefusal(416, `The piece has ${sizeBytes} bytes.`)
  return { start, end }
}

async function sendPiece(
  source: RetrievalSource,
  request: IncomingMessage,
  response: ServerResponse,
  cid: string,
): Promise<void> {
  const piece = source.findPiece(cid)
  if (!piece) throw new HttpRefusal(404, `Piece ${cid} is not held here.`)
  const { sizeBytes, path } = piece
  const range = rangeOf(request.headers.range, sizeBytes)
  const { start, end } = range ?? { start: 0, end: sizeBytes - 1 }
  response.writeHead(range ? 206 : 200, {
    'content-type': 'application/octet-stream',
    'content-length': end - start + 1,
    'accept-ranges': 'bytes',
    etag: `"${cid}"`,
    ...(range && { 'content-range': `bytes ${start}-${end}/${sizeBytes}` }),
  })
  if (request.method === 'HEAD') return void response.end()
  await pipeline(createReadStream(path, { start, end }), spoil(source), response)
}

function formatOf({ headers }: IncomingMessage, url: URL): 'raw' | 'car' {
  const format = url.searchParams.get('format')
  if (format === 'raw' || format === 'car') return format
  if (headers.accept?.includes('application/vnd.ipld.car')) return 'car'
  if (headers.accept?.includes('application/vnd.ipld.raw')) return 'raw'
  throw new HttpRefusal(400, 'A trustless gateway gives format=raw or format=car.')
}

function scopeOf(url: URL): DagScope {
  const scope = url.searchParams.get('dag-scope') ?? 'all'
  if (scope === 'block' || scope === 'entity' || scope === 'all') return scope
  throw new HttpRefusal(400, 'dag-scope is block, entity or all.')
}

function parseCid(text: string): CID {
  try {
    return CID.parse(text)
  } catch {
    throw new HttpRefusal(400, `${JSON.stringify(text)} is not a CID.`)
  }
}

interface ContentAddress {
  url: URL
  /** The CID, then names. */
  segments: string[]
}

async function sendContent(
  source: RetrievalSource,
  request: IncomingMessage,
  response: ServerResponse,
  { url, segments }: ContentAddress,
): Promise<void> {
  const leaving = new AbortController()
  response.once('close', () => leaving.abort())
  const { signal } = leaving
  const [root, ...path] = segments.filter((segment) => segment !== '').map(decodeURIComponent)
  const format = formatOf(request, url)
  if (format === 'raw' && path.length > 0) throw new HttpRefusal(400, 'format=raw gives the block of a CID, not of a path.')
  const resolution = await resolvePath(source.blocks, parseCid(root as string), path, { signal })
  if (format === 'raw') {
    response.writeHead(200, {
      'content-type': 'application/vnd.ipld.raw',
      'content-length': resolution.bytes.length,
      etag: `"${resolution.cid}.raw"`,
    })
    if (request.method === 'HEAD') return void response.end()
    return await pipeline(Readable.from([resolution.bytes]), spoil(source), response)
  }
  const blocks = scopedBlocks(source.blocks, resolution, { scope: scopeOf(url), signal })
  const [first] = resolution.roots
  response.writeHead(200, { 'content-type': 'application/vnd.ipld.car; version=1; order=dfs; dups=n' })
  if (request.method === 'HEAD') return void response.end()
  await pipeline(carStream([first as CID], blocks), spoil(source), response)
}

/** Passes bytes on; on command some of them are others than they should be. */
function spoil({ mood }: RetrievalSource) {
  return async function* (chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      if (!mood().sendsWrongBytes || chunk.length === 0) yield chunk
      else {
        const spoiled = Uint8Array.from(chunk)
        for (let at = 0; at < spoiled.length; at += spoiledEveryBytes) spoiled[at]! ^= 1
        yield spoiled
      }
    }
  }
}
