import { CID } from 'multiformats/cid'
import type { AbortOptions, Block } from '../block.ts'
import { ContentError } from '../errors.ts'
import { type DirectoryEntry, packDirectory } from './directory.ts'
import type { PackedEntry } from './file.ts'
import { namesOnPath } from './path.ts'

/** Gathers files that are packed already into one directory with sub-directories. Takes some 200 bytes of memory a file. */
export interface FileTree {
  /** Files in the tree, each name counted once. */
  readonly fileCount: number
  /**
   * Puts a file at a path (rules: `namesOnPath`). A later file takes the place of an earlier one at the same path.
   *
   * @throws {ContentError} `INVALID_INPUT` when the path is not usable, or a file and a directory would have the same name.
   */
  add(path: string, file: PackedEntry): void
  /** Makes the blocks of the directories, children first; answers with the one that holds everything. To be called once. */
  packTree(options?: AbortOptions): AsyncGenerator<Block, PackedEntry, undefined>
}

type Directory = Map<string, StoredEntry | Directory>

/** An entry with its CID as a string of bytes: a tenth of the memory of a `CID`, and there may be a million. */
interface StoredEntry {
  cidBytes: string
  dagBytes: number
}

export function fileTree(): FileTree {
  const root: Directory = new Map()
  let fileCount = 0
  return {
    get fileCount() {
      return fileCount
    },
    add(path, file) {
      if (put(root, path, file)) fileCount++
    },
    packTree: (options) => packLevel(root, options?.signal),
  }
}

/** Whether the name is new. */
function put(root: Directory, path: string, file: PackedEntry): boolean {
  const names = namesOnPath(path)
  const fileName = names.pop()!
  let directory = root
  for (const name of names) {
    let next = directory.get(name)
    if (next === undefined) {
      next = new Map()
      directory.set(name, next)
    }
    if (!(next instanceof Map)) throw clash(path, name)
    directory = next
  }
  const before = directory.get(fileName)
  if (before instanceof Map) throw clash(path, fileName)
  directory.set(fileName, stored(file))
  return before === undefined
}

function clash(path: string, name: string): ContentError {
  return new ContentError('INVALID_INPUT', `${JSON.stringify(path)}: ${JSON.stringify(name)} would be a file and a directory`)
}

async function* packLevel(directory: Directory, signal: AbortSignal | undefined): AsyncGenerator<Block, PackedEntry, undefined> {
  for (const [name, entry] of directory) {
    if (!(entry instanceof Map)) continue
    directory.set(name, stored(yield* packLevel(entry, signal)))
  }
  signal?.throwIfAborted()
  const packer = packDirectory(entriesOf(directory))
  for (;;) {
    const next = await packer.next()
    if (next.done === true) return next.value
    signal?.throwIfAborted()
    yield next.value
  }
}

function* entriesOf(directory: Directory): Generator<DirectoryEntry> {
  for (const [name, entry] of directory) {
    if (entry instanceof Map) continue
    yield new LazyEntry(name, entry)
  }
}

class LazyEntry implements DirectoryEntry {
  readonly name: string
  readonly #stored: StoredEntry

  constructor(name: string, entry: StoredEntry) {
    this.name = name
    this.#stored = entry
  }

  get dagBytes(): number {
    return this.#stored.dagBytes
  }

  get cid(): CID {
    const { cidBytes } = this.#stored
    const bytes = new Uint8Array(cidBytes.length)
    for (let at = 0; at < bytes.length; at++) bytes[at] = cidBytes.charCodeAt(at)
    return CID.decode(bytes)
  }
}

function stored({ cid, dagBytes }: PackedEntry): StoredEntry {
  return { cidBytes: String.fromCharCode(...cid.bytes), dagBytes }
}
