import { createHash } from 'node:crypto'
import type { BlockSource } from '@keepsake/content/block.ts'
import { carStream } from '@keepsake/content/car/stream.ts'
import type { Resolution } from '@keepsake/content/dag/resolve.ts'
import { decodeUnixFs, isFile, isUnixFs, sizeOfFile } from '@keepsake/content/unixfs/read/node.ts'
import { type DagScope, type EntityBytes, rangeOf, scopedBlocks } from '@keepsake/content/unixfs/read/scope.ts'
import type { Answer } from '../http/answer.ts'
import { contentDisposition } from '../http/content-disposition.ts'
import { type ContentRequest, immutable, ipfsPath, represent } from './answer.ts'
import { GatewayError } from './errors.ts'

/** The blocks of a path and of what it leads to, as a CARv1 (Trustless Gateway specification, "CAR Responses"). */
export function carAnswer(blocks: BlockSource, request: ContentRequest, resolution: Resolution): Answer {
  const { duplicates } = carParameters(request)
  const scope = scopeOf(request.query)
  const entityBytes = entityBytesOf(request.query)
  if (entityBytes && scope === 'entity') checkRange(resolution, entityBytes)
  const { cid } = resolution
  // Everything that changes the bytes is part of the ETag, so that caches never mix two exports of one CID.
  const shape = [ipfsPath(request.path), cid, scope, entityBytes?.from, entityBytes?.to, duplicates].join(' ')
  const digest = createHash('sha256').update(shape).digest('base64url').slice(0, 16)
  return represent(request, resolution, {
    etag: `"${cid}.car.${digest}"`,
    contentType: `application/vnd.ipld.car; version=1; order=dfs; dups=${duplicates ? 'y' : 'n'}`,
    cacheControl: immutable,
    headers: { 'content-disposition': contentDisposition('attachment', request.query.get('filename') || `${cid}.car`) },
    sizeBytes: undefined,
    open: () => carStream([cid], scopedBlocks(blocks, resolution, { scope, entityBytes, duplicates, signal: request.signal })),
  })
}

function scopeOf(query: URLSearchParams): DagScope {
  const scope = query.get('dag-scope') ?? 'all'
  if (scope !== 'block' && scope !== 'entity' && scope !== 'all') {
    throw new GatewayError(400, `dag-scope has to be block, entity or all, not "${scope}".`)
  }
  return scope === 'all' && query.has('entity-bytes') ? 'entity' : scope
}

function entityBytesOf(query: URLSearchParams): EntityBytes | undefined {
  const text = query.get('entity-bytes')
  if (text === null) return undefined
  const [, from, to] = /^(-?\d{1,15}):(\*|-?\d{1,15})$/.exec(text) ?? []
  if (from === undefined || to === undefined) {
    throw new GatewayError(400, `entity-bytes has to be from:to, numbers or "*" for to, not "${text}".`)
  }
  const range = { from: Number(from), to: to === '*' ? undefined : Number(to) }
  const backwards = range.to !== undefined && range.from < 0 === range.to < 0 && range.to < range.from
  if (backwards) throw new GatewayError(400, `entity-bytes ends before it begins: "${text}".`)
  return range
}

/** Refuses what lies outside a file while there still is a status to say it with. */
function checkRange({ cid, bytes }: Resolution, entityBytes: EntityBytes): void {
  if (!isUnixFs(cid)) return
  const node = decodeUnixFs(cid, bytes)
  if (isFile(node)) rangeOf(sizeOfFile(node), entityBytes)
}

/** The URL counts more than `Accept` (IPIP-0523); of several in `Accept` the first that can be had is taken (IPIP-0412). */
function carParameters({ query, negotiated }: ContentRequest): { duplicates: boolean } {
  const offers = negotiated.parameters.length > 0 ? negotiated.parameters : [new Map<string, string>()]
  let refusal = ''
  for (const offer of offers) {
    const of = (name: string) => query.get(`car-${name}`) ?? offer.get(name) ?? ''
    const [version, order, dups] = [of('version'), of('order'), of('dups')]
    if (version !== '' && version !== '1') refusal = `CAR version ${version} is not made here, only 1.`
    else if (order !== '' && order !== 'dfs' && order !== 'unk') refusal = `CAR order "${order}" is not made here, only dfs.`
    else if (dups !== '' && dups !== 'y' && dups !== 'n') refusal = `CAR dups has to be y or n, not "${dups}".`
    else return { duplicates: dups === 'y' }
  }
  throw new GatewayError(406, refusal)
}
