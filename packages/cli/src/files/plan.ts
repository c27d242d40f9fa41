import type { Stats } from 'node:fs'
import { lstat, readdir, realpath, stat } from 'node:fs/promises'
import { basename, join, resolve, sep } from 'node:path'
import { checkName } from '@keepsake/content/unixfs/path.ts'
import { CommandError, describeFileError } from '../failure.ts'

export interface PlannedFile {
  kind: 'file'
  name: string
  diskPath: string
  sizeBytes: number
  /** CID in binary, once it has been read: a second reading must give the same. */
  cidBytes?: Uint8Array
}

export interface PlannedDirectory {
  kind: 'directory'
  name: string
  entries: Planned[]
}

export type Planned = PlannedFile | PlannedDirectory

/** What will be stored, fixed before anything is read. */
export interface Plan {
  root: Planned
  fileCount: number
  totalBytes: number
  /** What was met and will not be stored, one sentence each. */
  leftOut: string[]
}

export interface PlanOptions {
  /** Put even a single path into a directory. */
  wrap?: boolean | undefined
  /** Take files and directories whose name begins with a dot. */
  hidden?: boolean | undefined
  signal: AbortSignal
}

interface Walk {
  hidden: boolean
  signal: AbortSignal
  /** Real path of the directory that was named: links may lead anywhere inside it. */
  top: string
  /** Real paths of the directories on the way down, to notice a circle. */
  above: string[]
  plan: { fileCount: number; totalBytes: number; leftOut: string[] }
}

/**
 * Looks at what is to be stored. One file is itself, one directory is what it holds, several paths become a directory.
 *
 * Links named as arguments are followed; links inside a directory only where they lead to something inside it.
 * @throws CommandError for what is missing, cannot be read, leads in a circle, or cannot be named
 */
export async function planPaths(paths: readonly string[], { wrap, hidden, signal }: PlanOptions): Promise<Plan> {
  const counts = { fileCount: 0, totalBytes: 0, leftOut: [] as string[] }
  const tops: Planned[] = []
  for (const path of paths) {
    const info = await look(path, () => stat(path))
    const top = await look(path, () => realpath(path))
    const walk: Walk = { hidden: hidden ?? false, signal, top, above: [], plan: counts }
    const planned = await planOne(path, topName(path), info, walk)
    if (!planned) throw new CommandError(`${path} is neither a file nor a directory.`)
    tops.push(planned)
  }
  const isSingle = tops.length === 1 && !wrap
  const root: Planned = isSingle ? tops[0]! : { kind: 'directory', name: tops.length === 1 ? tops[0]!.name : '', entries: tops }
  refuseSameNames(tops)
  if (counts.fileCount === 0)
    throw new CommandError(
      `There is no file in ${paths.join(', ')}${hidden ? '' : ' (hidden ones are left out without --hidden)'}.`,
    )
  return { root, ...counts }
}

/** Also for `.` and `..`, whose own names say nothing. */
function topName(path: string): string {
  return basename(resolve(path)) || 'root'
}

function refuseSameNames(entries: readonly Planned[]): void {
  const names = new Set<string>()
  for (const { name } of entries) {
    if (names.has(name))
      throw new CommandError(`Two of the paths are called ${JSON.stringify(name)}; they cannot both be in one directory.`)
    names.add(name)
  }
}

async function look<T>(path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    throw describeFileError(error, path)
  }
}

async function planOne(path: string, name: string, info: Stats, walk: Walk): Promise<Planned | undefined> {
  walk.signal.throwIfAborted()
  if (info.isFile()) {
    walk.plan.fileCount++
    walk.plan.totalBytes += info.size
    return { kind: 'file', name, diskPath: path, sizeBytes: info.size }
  }
  if (info.isDirectory()) return { kind: 'directory', name, entries: await planEntries(path, walk) }
  return undefined
}

async function planEntries(path: string, walk: Walk): Promise<Planned[]> {
  const real = await look(path, () => realpath(path))
  if (walk.above.includes(real)) throw new CommandError(`${path} is a link that leads back to ${real}: it has no end.`)
  const below = { ...walk, above: [...walk.above, real] }
  const names = await look(path, () => readdir(path))
  const entries: Planned[] = []
  for (const name of names.sort()) {
    if (name.startsWith('.') && !walk.hidden) continue
    const entryPath = join(path, name)
    checkEntryName(entryPath, name)
    const info = await statInside(entryPath, walk)
    if (!info) continue
    const entry = await planOne(entryPath, name, info, below)
    if (entry) entries.push(entry)
    else walk.plan.leftOut.push(`${entryPath} is left out: it is neither a file nor a directory.`)
  }
  return entries
}

function checkEntryName(path: string, name: string): void {
  try {
    checkName(name)
  } catch (error) {
    throw new CommandError(`${path} cannot be stored: ${(error as Error).message}.`, { cause: error })
  }
}

/** What an entry is, links followed; undefined for one that leads outside of what was named. */
async function statInside(path: string, walk: Walk): Promise<Stats | undefined> {
  const info = await look(path, () => lstat(path)).catch((error: Error) => {
    // Names are bytes; what is not UTF-8 comes to us with a replacement character and is not found again.
    throw path.includes('\ufffd') ? new CommandError(`${path}: the name is not UTF-8, so it cannot be stored.`) : error
  })
  if (!info.isSymbolicLink()) return info
  let target: string
  try {
    target = await realpath(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      throw new CommandError(`${path} is a link to something that is not there.`)
    throw describeFileError(error, path)
  }
  if (target !== walk.top && !target.startsWith(walk.top.endsWith(sep) ? walk.top : walk.top + sep)) {
    walk.plan.leftOut.push(`${path} is left out: it is a link to ${target}, outside of ${walk.top}.`)
    return undefined
  }
  return await look(path, () => stat(path))
}
