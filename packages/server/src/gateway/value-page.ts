import { decodeValue, type Resolution, valueAsText } from '@keepsake/content/dag/resolve.ts'
import { CID } from 'multiformats/cid'
import type { Answer } from '../http/answer.ts'
import { type ContentRequest, generated, represent } from './answer.ts'
import { escapePath, prefixOf } from './content-path.ts'
import { escapeHtml, pageEnd, pageHeaders, pageStart, pageVersion } from './html.ts'

/** Links shown on one page. */
const SHOWN_LINKS = 1000

/** A readable page of a dag-cbor or dag-json block: its data as text, and where its links lead. */
export function valueAnswer(request: ContentRequest, resolution: Resolution, format: 'dag-cbor' | 'dag-json'): Answer {
  const { cid } = resolution
  return represent(request, resolution, {
    etag: `"DagIndex-${pageVersion}_CID-${cid}"`,
    contentType: 'text/html; charset=utf-8',
    cacheControl: generated,
    headers: pageHeaders,
    sizeBytes: undefined,
    open: () => valuePage(request, resolution, format),
  })
}

async function* valuePage(request: ContentRequest, resolution: Resolution, format: string): AsyncGenerator<Uint8Array> {
  const { path, origin } = request
  const value = decodeValue(resolution)
  const folder = `${prefixOf(path, origin)}${escapePath(path.segments)}`
  const title = `/${path.namespace}/${[path.rootText, ...path.segments].join('/')}`
  yield Buffer.from(`${pageStart(title)}<main>\n<h1>${escapeHtml(title)}</h1>\n`)
  yield Buffer.from(
    `<p>Block <code>${resolution.cid}</code> (${format}). <a href="${escapeHtml(`${folder}/`)}?format=${format}">Its bytes</a></p>\n`,
  )
  const links = [...linksIn(value, [])]
  if (links.length > 0) {
    const items = links.map(({ names, cid }) => {
      const target = escapeHtml(`${folder}${escapePath(names)}`)
      return `<tr><td><a href="${target}">${escapeHtml(names.join('/'))}</a></td><td><code>${cid}</code></td></tr>`
    })
    yield Buffer.from(
      `<table>\n<thead><tr><th scope="col">Link</th><th scope="col">CID</th></tr></thead>\n<tbody>\n${items.join('\n')}\n</tbody>\n</table>\n`,
    )
  }
  yield Buffer.from(`<pre>${escapeHtml(valueAsText(value))}</pre>\n</main>\n${pageEnd}`)
}

function* linksIn(root: unknown, start: string[]): Generator<{ names: string[]; cid: CID }> {
  const pending: { value: unknown; names: string[] }[] = [{ value: root, names: start }]
  for (let found = 0; pending.length > 0 && found < SHOWN_LINKS; ) {
    const { value, names } = pending.pop()!
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) continue
    const cid = CID.asCID(value)
    if (cid) {
      found++
      yield { names, cid }
    } else {
      for (const [name, below] of Object.entries(value).reverse()) pending.push({ value: below, names: [...names, name] })
    }
  }
}
