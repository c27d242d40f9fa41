import type { BlockSource } from '@keepsake/content/block.ts'
import { resolvePath } from '@keepsake/content/dag/resolve.ts'
import type { Answer } from '../http/answer.ts'
import { contentDisposition } from '../http/content-disposition.ts'
import type { ContentRequest } from './answer.ts'
import type { ContentPath } from './content-path.ts'
import { segmentsOf } from './content-path.ts'
import { GatewayError } from './errors.ts'
import { type Name, nameInPath } from './names/name.ts'
import type { Names } from './names/resolve.ts'

/** Follows a name to what it leads to at this moment. What the name says below the root is walked here, so that its end is the root of the site. */
export async function mutablePath(
  { blocks, names }: { blocks: BlockSource; names: Names },
  name: Name,
  rest: string,
  signal: AbortSignal,
): Promise<ContentPath> {
  const { root, segments, ttlSeconds } = await names.resolve(name, { signal })
  const rootText = nameInPath(name)
  const path = {
    namespace: 'ipns',
    rootText,
    rest,
    segments: segmentsOf(rest),
    trailingSlash: rest.endsWith('/'),
    ttlSeconds,
  } as const
  if (segments.length === 0) return { ...path, root, rootsBefore: [] }
  const { cid, roots, remainder } = await resolvePath(blocks, root, segments, { signal })
  if (remainder.length > 0) throw new GatewayError(502, `${rootText} leads into block ${cid}, to a value that is not a link.`)
  return { ...path, root: cid, rootsBefore: roots.slice(0, -1).map(String) }
}

/** The signed record of a name (Trustless Gateway specification, "application/vnd.ipfs.ipns-record"). */
export async function recordAnswer(
  names: Names,
  name: Name,
  { signal, ...request }: Pick<ContentRequest, 'query' | 'signal'>,
): Promise<Answer> {
  if (name.kind !== 'key') throw new GatewayError(400, 'A DNSLink has no IPNS record.')
  const text = nameInPath(name)
  const { bytes, ttlSeconds } = await names.record(name.key, { signal })
  const filename = request.query.get('filename') || `${text}.ipns-record`
  return {
    status: 200,
    headers: {
      'content-type': 'application/vnd.ipfs.ipns-record',
      'content-length': String(bytes.length),
      'content-disposition': contentDisposition('attachment', filename),
      'cache-control': `public, max-age=${ttlSeconds}`,
      etag: `"${text}.${Buffer.from(bytes.slice(-12)).toString('hex')}"`,
      'x-ipfs-path': `/ipns/${text}`,
      ...(request.query.has('format') ? {} : { vary: 'Accept' }),
    },
    body: bytes,
  }
}
