import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { lookup } from 'mrmime'

/** A file of the built website, ready to be sent. */
export interface SiteFile {
  type: string
  etag: string
  /** Its bytes by content coding; `identity` is always there. */
  variants: ReadonlyMap<Coding, Buffer>
  /** Its name tells its content, so it never changes. */
  isImmutable: boolean
}

export type Coding = 'br' | 'gzip' | 'identity'

/** The website as it was built: some hundred files, which are kept in memory. */
export interface SiteFiles {
  /** By path, `/assets/index-Dxc5.js`; without `index.html`. */
  files: ReadonlyMap<string, SiteFile>
  /** The document of every page. */
  document: SiteFile
  /** Address patterns of the pages, for the router: `/docs/:page`. */
  pages: readonly string[]
}

const codings: readonly [Coding, string][] = [
  ['br', '.br'],
  ['gzip', '.gz'],
]

/** Reads what `npm start` built; undefined where nothing is built, as on a server that is run from its source alone. */
export async function readSiteFiles(directory: string, fillIn: (html: string) => string): Promise<SiteFiles | undefined> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (!entries?.some(({ name }) => name === 'index.html')) return undefined
  const names = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name))
  const known = new Set(names)
  const files = new Map<string, SiteFile>()
  for (const name of names) {
    const path = `/${relative(directory, name).split(sep).join('/')}`
    if (/\.(br|gz)$|^\/(index\.html|pages\.json)$/.test(path)) continue
    files.set(path, await readFileOf(name, path, known))
  }
  const html = fillIn(await readFile(join(directory, 'index.html'), 'utf8'))
  const { paths } = JSON.parse(await readFile(join(directory, 'pages.json'), 'utf8')) as { paths: string[] }
  return { files, document: fileOf(Buffer.from(html), 'text/html; charset=utf-8', false), pages: paths }
}

async function readFileOf(name: string, path: string, known: ReadonlySet<string>): Promise<SiteFile> {
  const type = lookup(name) ?? 'application/octet-stream'
  const file = fileOf(
    await readFile(name),
    /^text\/|json|javascript/.test(type) ? `${type}; charset=utf-8` : type,
    path.startsWith('/assets/'),
  )
  const variants = new Map(file.variants)
  for (const [coding, ending] of codings) {
    if (known.has(`${name}${ending}`)) variants.set(coding, await readFile(`${name}${ending}`))
  }
  return { ...file, variants }
}

function fileOf(bytes: Buffer, type: string, isImmutable: boolean): SiteFile {
  const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 24)}"`
  return { type, etag, variants: new Map([['identity', bytes]]), isImmutable }
}

/** The smallest form of a file that whoever asks can read. */
export function variantFor({ variants }: SiteFile, acceptEncoding: string | undefined): [Coding, Buffer] {
  const accepted = new Set(
    (acceptEncoding ?? '').split(',').flatMap((one) => {
      const [name = '', weight = ''] = one
        .trim()
        .toLowerCase()
        .split(/\s*;\s*/)
      return /^q=0(\.0*)?$/.test(weight) ? [] : [name]
    }),
  )
  for (const [coding] of codings) {
    const bytes = variants.get(coding)
    if (bytes && accepted.has(coding)) return [coding, bytes]
  }
  return ['identity', variants.get('identity') as Buffer]
}
