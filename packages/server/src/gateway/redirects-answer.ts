import type { BlockSource } from '@keepsake/content/block.ts'
import { withIdentity } from '@keepsake/content/dag/identity.ts'
import { type Resolution, resolvePath } from '@keepsake/content/dag/resolve.ts'
import { isContentError } from '@keepsake/content/errors.ts'
import { findInDirectory } from '@keepsake/content/unixfs/read/directory.ts'
import { readFile } from '@keepsake/content/unixfs/read/file.ts'
import { decodeUnixFs, isFile, isUnixFs, sizeOfFile } from '@keepsake/content/unixfs/read/node.ts'
import type { Answer } from '../http/answer.ts'
import type { ContentRequest } from './answer.ts'
import { limits } from './config.ts'
import { segmentsOf } from './content-path.ts'
import { GatewayError } from './errors.ts'
import { fileAnswer } from './file-answer.ts'
import { findRedirect, isRewrite, parseRedirects, type Redirect, withQuery } from './redirects-file.ts'

/**
 * What the `_redirects` file of a root says about a path that is not there; undefined where there is no such file or no rule fits.
 * Only for a subdomain: a rule speaks for its whole origin. (Web Redirects File specification.)
 */
export async function redirectsAnswer(blocks: BlockSource, request: ContentRequest): Promise<Answer | undefined> {
  const { origin, path, query, negotiated } = request
  if (origin.kind !== 'subdomain' || (negotiated.format !== undefined && negotiated.format !== 'html' && !negotiated.orAnything))
    return undefined
  const text = await findRedirectsFile(blocks, request)
  if (text === undefined) return undefined
  const redirect = findRedirect(parsed(text), path.segments)
  if (!redirect) return undefined
  if (isRewrite(redirect.status)) return rewrite(blocks, request, redirect)
  return { status: redirect.status, headers: { location: withQuery(redirect.to, query) }, body: undefined }
}

function parsed(text: string) {
  try {
    return parseRedirects(text)
  } catch (cause) {
    throw unusable(cause instanceof Error ? cause.message : String(cause))
  }
}

/** The specification asks for a 500, although the fault is in the content: the owner of the site is to see it. */
function unusable(why: string): GatewayError {
  return new GatewayError(500, `could not parse _redirects: ${why}`)
}

async function findRedirectsFile(blocks: BlockSource, { path, signal }: ContentRequest): Promise<string | undefined> {
  const source = withIdentity(blocks)
  if (!isUnixFs(path.root)) return undefined
  const root = { cid: path.root, bytes: await source.get(path.root, { signal }) }
  const found = await findInDirectory(source, root, '_redirects', { signal })
  if (!found || !isUnixFs(found.cid)) return undefined
  const bytes = await source.get(found.cid, { signal })
  const node = decodeUnixFs(found.cid, bytes)
  if (!isFile(node)) return undefined
  if (sizeOfFile(node) > limits.redirectsFileBytes)
    throw unusable(`redirects file size cannot exceed ${limits.redirectsFileBytes} bytes`)
  const chunks: Uint8Array[] = []
  for await (const chunk of readFile(source, found.cid, { bytes, signal })) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

/** Answers with another file of the same root, under the status of the rule. */
async function rewrite(blocks: BlockSource, request: ContentRequest, { to, status }: Redirect): Promise<Answer> {
  const segments = segmentsOf(to.replace(/[?#].*$/s, ''))
  const target = await resolveFile(blocks, request, segments)
  const node =
    target && isUnixFs(target.cid) && target.remainder.length === 0 ? decodeUnixFs(target.cid, target.bytes) : undefined
  if (!target || !node || !isFile(node))
    throw new GatewayError(status === 200 ? 404 : status, `_redirects leads to "${to}", which is not a file here.`)
  return fileAnswer(blocks, request, target, target, node, { name: segments.at(-1) ?? '', status })
}

async function resolveFile(
  blocks: BlockSource,
  { path, signal }: ContentRequest,
  segments: string[],
): Promise<Resolution | undefined> {
  try {
    return await resolvePath(blocks, path.root, segments, { signal })
  } catch (error) {
    if (isContentError(error, 'PATH_NOT_FOUND')) return undefined
    throw error
  }
}
