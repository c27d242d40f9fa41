import type { CID } from 'multiformats/cid'
import type { AbortOptions, BlockSource } from '../../block.ts'
import { resolvePath } from '../../dag/resolve.ts'
import { ContentError } from '../../errors.ts'
import { DAG_PB } from '../../hash/cid.ts'
import { readFile } from '../../unixfs/read/file.ts'
import { cidOfLink } from '../../unixfs/read/node.ts'
import { type RawLink, scanLinks } from '../../unixfs/read/scan.ts'
import { type DagEntry, entryPath } from './entries.ts'
import { MANIFEST_NAME, parseManifest } from './manifest.ts'

/** Links a selector may follow: entries are three down, what is inside a DAG some tens more. */
export const MAX_SELECTOR_LINKS = 64

const selectorForm = /^Links\/(0|[1-9]\d{0,8})\/Hash(\/Links\/(0|[1-9]\d{0,8})\/Hash)*$/

/**
 * Follows a data model path through dag-pb blocks, as in `Links/1/Hash/Links/0/Hash/Links/7/Hash`, to the CID it leads to. The block of that CID
 * is not read.
 *
 * @throws {ContentError} `INVALID_INPUT` for another form of path, `PATH_NOT_FOUND` where there is no such link, `LIMIT_EXCEEDED` past
 * `MAX_SELECTOR_LINKS`, and what `blocks` throws.
 */
export async function resolveSelector(blocks: BlockSource, root: CID, selector: string, options?: AbortOptions): Promise<CID> {
  if (!selectorForm.test(selector)) {
    const shown = selector.length > 100 ? `${selector.slice(0, 100)}…` : selector
    throw new ContentError('INVALID_INPUT', `${JSON.stringify(shown)} is not a path of the form Links/N/Hash.`)
  }
  const indexes = selector.split('/').filter((_, at) => at % 3 === 1)
  if (indexes.length > MAX_SELECTOR_LINKS) {
    throw new ContentError('LIMIT_EXCEEDED', `A selector may follow ${MAX_SELECTOR_LINKS} links, this one has ${indexes.length}.`)
  }
  let here = root
  for (const index of indexes) {
    const link = (await linksIn(blocks, here, options))[Number(index)]
    if (link === undefined) throw new ContentError('PATH_NOT_FOUND', `There is no Links/${index} under ${here}.`)
    here = cidOfLink(link)
  }
  return here
}

/** The way by names to a DAG, which its CID alone decides: no manifest has to be read for it. */
export function pathToDag(root: CID): string {
  return entryPath({ cid: root.toV1().toString() })
}

/** The entries that the manifest of an aggregate lists. Throws what `parseManifest` does, `PATH_NOT_FOUND` where there is no manifest. */
export async function* listEntries(blocks: BlockSource, root: CID, options?: AbortOptions): AsyncGenerator<DagEntry> {
  const manifest = await resolvePath(blocks, root, [MANIFEST_NAME], options)
  yield* parseManifest(readFile(blocks, manifest.cid, { ...options, bytes: manifest.bytes }))
}

/**
 * Checks the whole directory of an aggregate against its manifest: both ways to every entry, by names and by links, lead to its CID, and there is
 * nothing else. One walk, however many entries. The blocks of the entries themselves are not read.
 *
 * @returns how many entries there are
 * @throws {ContentError} `INVALID_BLOCK` naming the place that differs, and what `listEntries` and `blocks` throw
 */
export async function checkEntries(blocks: BlockSource, root: CID, options?: AbortOptions): Promise<number> {
  const listed = new Map<string, DagEntry>()
  for await (const entry of listEntries(blocks, root, options)) listed.set(entry.cid, entry)
  const count = listed.size
  for await (const { path, links } of dagsInFolders(blocks, root, options)) {
    const name = path.slice(path.lastIndexOf('/') + 1)
    const entry = listed.get(name)
    if (!entry || entryPath(entry) !== path) throw broken(`${path} is not in the manifest`)
    if (links.some((index, at) => index !== entry.links[at])) throw broken(`${path} is at links ${links}, not ${entry.links}`)
    listed.delete(name)
  }
  for (const entry of listed.values()) throw broken(`${entryPath(entry)} is in the manifest, and not in the folders`)
  return count
}

/** Every DAG in the folders of an aggregate with both ways to it; the name of each has been checked to be its CID. */
async function* dagsInFolders(blocks: BlockSource, root: CID, options?: AbortOptions) {
  for await (const outer of namesIn(blocks, root, options)) {
    if (outer.name === MANIFEST_NAME) continue
    for await (const inner of namesIn(blocks, outer.cid, options)) {
      for await (const dag of namesIn(blocks, inner.cid, options)) {
        const path = `${outer.name}/${inner.name}/${dag.name}`
        if (dag.cid.toString() !== dag.name) throw broken(`${path} leads to ${dag.cid}`)
        yield { path, links: [outer.index, inner.index, dag.index] }
      }
    }
  }
}

/** Names in ascending order only: where one came twice, a path and a selector could mean different things. */
async function* namesIn(blocks: BlockSource, folder: CID, options?: AbortOptions) {
  const decoder = new TextDecoder()
  let before = ''
  for (const [index, link] of (await linksIn(blocks, folder, options)).entries()) {
    const name = decoder.decode(link.name)
    if (name <= before) throw broken(`names in ${folder} are out of order at ${JSON.stringify(name)}`)
    before = name
    yield { name, index, cid: cidOfLink(link) }
  }
}

async function linksIn(blocks: BlockSource, cid: CID, options?: AbortOptions): Promise<RawLink[]> {
  if (cid.code !== DAG_PB) throw new ContentError('PATH_NOT_FOUND', `Block ${cid} is not dag-pb and has no Links.`)
  const links: RawLink[] = []
  scanLinks(await blocks.get(cid, options), (link) => links.push(link))
  return links
}

function broken(reason: string): ContentError {
  return new ContentError('INVALID_BLOCK', `The directory of the aggregate is not as it should be: ${reason}.`)
}
