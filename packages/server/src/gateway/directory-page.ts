import type { DirectoryEntry } from '@keepsake/content/unixfs/read/directory.ts'
import type { ContentRequest } from './answer.ts'
import { limits } from './config.ts'
import { escapeName, escapePath, prefixOf } from './content-path.ts'
import { escapeHtml, pageEnd, pageStart } from './html.ts'

/** What links on a page begin with. */
interface Links {
  /** Content below the same root. */
  here: string
  /** The root, in the path that is shown. */
  crumbs: string
  /** Content by CID: the same host, or from a subdomain its parent; undefined where neither has a gateway. */
  byCid: string | undefined
}

function linksOf({ origin, path }: ContentRequest): Links {
  const here = prefixOf(path, origin)
  if (origin.kind !== 'subdomain') return { here, crumbs: here, byCid: '/ipfs/' }
  // A site under a domain of its own has no gateway above it; what is there by CID is there by name, too.
  if (origin.parent === undefined) return { here, crumbs: `//${origin.host}`, byCid: undefined }
  return { here, crumbs: `//${origin.parent}/${path.namespace}/${path.rootText}`, byCid: `//${origin.parent}/ipfs/` }
}

/** Number of the page asked for, from 1. */
export function pageNumber({ query }: ContentRequest): number {
  const page = Number(query.get('page') ?? 1)
  return Number.isSafeInteger(page) && page > 0 ? page : 1
}

/**
 * The readable page of a directory: names with sizes and CIDs, `limits.listedEntries` a page, written as the entries come, so that a
 * directory of any size costs no memory.
 */
export async function* directoryPage(
  request: ContentRequest,
  entries: AsyncIterable<DirectoryEntry>,
): AsyncGenerator<Uint8Array> {
  const links = linksOf(request)
  const { namespace, segments, rootText } = request.path
  const shown = `/${namespace}/${[rootText, ...segments].join('/')}`
  const folder = `${links.here}${escapePath(segments)}`
  const page = pageNumber(request)
  const skip = (page - 1) * limits.listedEntries
  yield Buffer.from(`${pageStart(`Index of ${shown}`)}<main>\n<h1>Index of ${breadcrumbs(request, links)}</h1>\n${tableStart}`)
  if (segments.length > 0) yield Buffer.from(row(`<a href="${escapeHtml(folder)}/..">..</a>`, '', ''))
  let seen = 0
  for await (const entry of entries) {
    if (seen++ < skip) continue
    if (seen > skip + limits.listedEntries) break
    yield Buffer.from(entryRow(entry, folder, links))
  }
  yield Buffer.from(`</tbody>\n</table>\n${pager(page, seen > skip + limits.listedEntries)}</main>\n${pageEnd}`)
}

const tableStart =
  '<table>\n<thead><tr><th scope="col">Name</th><th scope="col" class="number">Size</th><th scope="col">CID</th></tr></thead>\n<tbody>\n'

function breadcrumbs({ path, origin }: ContentRequest, links: Links): string {
  let target = links.crumbs
  const isRootOfHost = origin.kind === 'subdomain' && origin.parent === undefined
  const crumbs = [`<a href="${escapeHtml(isRootOfHost ? `${target}/` : target)}">${escapeHtml(path.rootText)}</a>`]
  for (const name of path.segments) {
    target += `/${escapeName(name)}`
    crumbs.push(`<a href="${escapeHtml(target)}">${escapeHtml(name)}</a>`)
  }
  return `/${path.namespace}/${crumbs.join('/')}`
}

function entryRow({ name, cid, cumulativeSizeBytes }: DirectoryEntry, folder: string, { byCid }: Links): string {
  const link = `<a href="${escapeHtml(`${folder}/${escapeName(name)}`)}">${escapeHtml(name)}</a>`
  const target = byCid && `${byCid}${cid}?filename=${encodeURIComponent(name.toWellFormed())}`
  const hash =
    target === undefined
      ? `<span class="ipfs-hash" translate="no">${cid}</span>`
      : `<a class="ipfs-hash" translate="no" href="${escapeHtml(target)}">${cid}</a>`
  return row(link, formatSize(cumulativeSizeBytes), hash)
}

function row(name: string, size: string, cid: string): string {
  return `<tr><td>${name}</td><td class="number">${size}</td><td>${cid}</td></tr>\n`
}

function pager(page: number, more: boolean): string {
  const links = [
    ...(page > 1 ? [`<a rel="prev" href="?page=${page - 1}">Previous page</a>`] : []),
    ...(more ? [`<a rel="next" href="?page=${page + 1}">Next page</a>`] : []),
  ]
  return links.length === 0 ? '' : `<nav aria-label="Pages">${links.join(' · ')}</nav>\n`
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

export function formatSize(bytes: number): string {
  let unit = 0
  let value = bytes
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`
}
