import { randomBytes } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { lstat, mkdir, open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { UnpackedEntry } from '@keepsake/client/unpack-dag.ts'
import { CommandError, describeFileError } from '../failure.ts'

export interface WriteOptions {
  target: string
  /** Replace what is there. */
  force: boolean
  signal: AbortSignal
}

export interface Written {
  files: number
  bytes: number
  /** Symbolic links of the content: they are not made here, where they could lead anywhere. */
  links: number
}

/** Refuses a target that would be overwritten, before anything is fetched for it. */
export async function checkTarget({ target, force }: Pick<WriteOptions, 'target' | 'force'>): Promise<void> {
  if (!(await exists(dirname(target)))) throw new CommandError(`${dirname(target)}: there is no such directory.`)
  if (!(await exists(target))) return
  if (!force) throw new CommandError(`${target} exists already; give another name with -o, or replace it with --force.`)
  const there = await lstat(target)
  if (!there.isFile() && !there.isDirectory() && !there.isSymbolicLink())
    throw new CommandError(`${target} is a device or a pipe, which is not replaced; -o - writes to standard output.`)
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw describeFileError(error, path)
  }
}

/**
 * Writes what was unpacked beside its target under another name, and gives it its name when all of it is there: a target is
 * whole or does not exist, whatever happens.
 */
export async function writeEntries(entries: AsyncIterable<UnpackedEntry>, options: WriteOptions): Promise<Written> {
  const draft = besides(options.target, 'part')
  const written: Written = { files: 0, bytes: 0, links: 0 }
  try {
    for await (const entry of entries) {
      options.signal.throwIfAborted()
      await writeEntry(entry, draft, written)
    }
    if (written.files === 0 && written.links > 0 && !(await exists(draft)))
      throw new CommandError('This is a symbolic link; it is not made here.')
    await putInPlace(draft, options)
    return written
  } catch (error) {
    await rm(draft, { recursive: true, force: true })
    throw error
  }
}

/** Streams into one file, with the same promise. */
export async function writeStream(bytes: AsyncIterable<Uint8Array>, options: WriteOptions): Promise<Written> {
  const draft = besides(options.target, 'part')
  const written: Written = { files: 1, bytes: 0, links: 0 }
  try {
    await writeFile(draft, bytes, written)
    await putInPlace(draft, options)
    return written
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  }
}

function besides(target: string, what: string): string {
  return join(dirname(target), `.${basename(target).slice(0, 100)}.keepsake-${randomBytes(4).toString('hex')}.${what}`)
}

async function writeEntry(entry: UnpackedEntry, draft: string, written: Written): Promise<void> {
  const path = join(draft, ...entry.path.map(checkedForHere))
  if (entry.kind === 'directory') await named(entry, path, () => mkdir(path))
  else if (entry.kind === 'file') {
    await named(entry, path, () => writeFile(path, entry.bytes, written))
    written.files++
  } else written.links++
}

/** Names that are harmless in a DAG and not on this system. */
function checkedForHere(name: string): string {
  if (process.platform === 'win32' && /[\\:*?"<>|]/.test(name))
    throw new CommandError(`${JSON.stringify(name)} cannot be the name of a file here.`)
  return name
}

/** Where the same name comes twice (or differs only by case, where that does not count), the second is refused by the system. */
async function named(entry: UnpackedEntry, path: string, write: () => Promise<unknown>): Promise<void> {
  try {
    await write()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') {
      throw new CommandError(`The content has two entries that would be ${entry.path.join('/')} here.`, { cause: error })
    }
    throw (error as NodeJS.ErrnoException).path === undefined ? error : describeFileError(error, path)
  }
}

async function writeFile(path: string, bytes: AsyncIterable<Uint8Array>, written: Written): Promise<void> {
  await using file = await open(path, 'wx')
  for await (const chunk of bytes) {
    await writeAll(file, path, chunk)
    written.bytes += chunk.length
  }
}

/** What goes wrong with an open file does not say which it is. */
async function writeAll(file: FileHandle, path: string, chunk: Uint8Array): Promise<void> {
  try {
    for (let at = 0; at < chunk.length; ) at += (await file.write(chunk, at)).bytesWritten
  } catch (error) {
    throw describeFileError(error, path)
  }
}

/** A rename cannot replace a directory that holds something; then that is moved aside first, and removed last. */
async function putInPlace(draft: string, { target, force }: WriteOptions): Promise<void> {
  await syncPath(draft)
  if (!(await exists(target))) return await rename(draft, target)
  if (!force) throw new CommandError(`${target} came into being in the meantime; it is left as it is.`)
  const [before, after] = [await lstat(target), await lstat(draft)]
  if (!before.isDirectory() && !after.isDirectory()) return await rename(draft, target)
  const aside = besides(target, 'old')
  await rename(target, aside)
  try {
    await rename(draft, target)
  } catch (error) {
    await rename(aside, target)
    throw error
  }
  await rm(aside, { recursive: true, force: true })
}

async function syncPath(path: string): Promise<void> {
  await using handle = await open(path)
  // Some systems cannot sync a directory; what is in it is on its way to the disk all the same.
  await handle.sync().catch(() => {})
}
