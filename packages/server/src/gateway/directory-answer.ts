import type { BlockSource } from '@keepsake/content/block.ts'
import { withIdentity } from '@keepsake/content/dag/identity.ts'
import type { Resolution } from '@keepsake/content/dag/resolve.ts'
import { findInDirectory, listDirectory } from '@keepsake/content/unixfs/read/directory.ts'
import { decodeUnixFs, isFile, isUnixFs } from '@keepsake/content/unixfs/read/node.ts'
import type { Answer } from '../http/answer.ts'
import { type ContentRequest, generated, represent } from './answer.ts'
import { escapePath, prefixOf } from './content-path.ts'
import { directoryPage, pageNumber } from './directory-page.ts'
import { GatewayError } from './errors.ts'
import { fileAnswer } from './file-answer.ts'
import { pageHeaders, pageVersion } from './html.ts'

/** A UnixFS directory: its `index.html`, or a page that lists it. Without the slash at the end a redirect, so that relative links work. */
export async function directoryAnswer(blocks: BlockSource, request: ContentRequest, resolution: Resolution): Promise<Answer> {
  const { path, origin, search, signal, negotiated } = request
  if (negotiated.format === 'json' && !negotiated.orAnything) throw new GatewayError(406, 'The content is a directory, not JSON.')
  if (!path.trailingSlash) {
    const prefix = prefixOf(path, origin)
    return { status: 301, headers: { location: `${prefix}${escapePath(path.segments)}/${search}` }, body: undefined }
  }
  const { cid, bytes } = resolution
  const index = await findInDirectory(blocks, resolution, 'index.html', { signal })
  if (index && isUnixFs(index.cid)) {
    const file = { cid: index.cid, bytes: await withIdentity(blocks).get(index.cid, { signal }) }
    const node = decodeUnixFs(file.cid, file.bytes)
    if (isFile(node)) return fileAnswer(blocks, request, resolution, file, node, { etagCid: cid.toString(), name: 'index.html' })
  }
  const page = pageNumber(request)
  return represent(request, resolution, {
    etag: `"DirIndex-${pageVersion}${page > 1 ? `.${page}` : ''}_CID-${cid}"`,
    contentType: 'text/html; charset=utf-8',
    cacheControl: generated,
    headers: pageHeaders,
    sizeBytes: undefined,
    open: () => directoryPage(request, listDirectory(blocks, cid, { bytes, signal })),
  })
}
