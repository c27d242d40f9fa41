import { randomBytes } from 'node:crypto'
import { mkdir, opendir, readFile, rename, rm, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { AbortOptions } from '@keepsake/content/block.ts'
import { blobSuffix, folderOfBlob, pathOfBlob } from './blob-path.ts'
import {
  assertBlobKey,
  type BlobLogger,
  BlobNotFoundError,
  type BlobPlace,
  type BlobRange,
  type BlobStore,
  isBlobKey,
  type StagedBlob,
} from './blobs.ts'
import { directorySync, makeDurableDirectory, type SyncDirectory } from './directory-sync.ts'
import { type OpenFiles, openFiles } from './open-files.ts'
import { readEach } from './read-each.ts'
import { readExactly, streamFile } from './read-file.ts'
import { type Slots, slots } from './slots.ts'
import { type SmallReads, smallReads } from './small-reads.ts'
import { stagedBlob } from './staged-blob.ts'
import type { StagedFile } from './staged-file.ts'
import { openStaging, type Staging } from './staging.ts'

export interface LocalBlobsOptions {
  /** Holds the blobs and, in `.staging`, the scratch files. Created when missing; many processes may share it. */
  directory: string
  logger?: BlobLogger | undefined
  /** Threads for reading many small files at once; 4 when left out. Each takes some megabytes while it is used. */
  readThreads?: number | undefined
}

/** What a thread reads in one go; whatever is larger goes through the thread pool. */
const maxSmallBytes = 256 * 1024
/** Reads at once where many are asked for that are not small. */
const readLanes = 16
const idleHandles = { maxIdle: 256, maxAgeMs: 10_000 }

/** Blobs as files, `<directory>/<two characters>/<key>.car`. */
export async function openLocalBlobs({ directory, logger, readThreads = 4 }: LocalBlobsOptions): Promise<BlobStore> {
  const files = openFiles(idleHandles)
  const syncDirectory = directorySync(files)
  await makeDurableDirectory(directory, syncDirectory)
  const staging = await openStaging({ directory: join(directory, '.staging'), logger })
  return new LocalBlobs({ directory, staging, files, syncDirectory, reads: smallReads(directory, readThreads) })
}

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code

interface Parts {
  directory: string
  staging: Staging
  files: OpenFiles
  syncDirectory: SyncDirectory
  reads: SmallReads
}

class LocalBlobs implements BlobStore {
  readonly #directory: string
  readonly #staging: Staging
  readonly #files: OpenFiles
  readonly #syncDirectory: SyncDirectory
  readonly #folders = new Map<string, Promise<void>>()
  readonly #smallReads: SmallReads
  readonly #lanes: Slots = slots(readLanes)

  constructor({ directory, staging, files, syncDirectory, reads }: Parts) {
    this.#directory = directory
    this.#staging = staging
    this.#files = files
    this.#syncDirectory = syncDirectory
    this.#smallReads = reads
  }

  async stage(): Promise<StagedBlob> {
    return stagedBlob(await this.#staging.create(), (file, key) => this.#publish(file, key))
  }

  async sizeOf(key: string): Promise<number | undefined> {
    try {
      return (await stat(this.#locate(key).path)).size
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined
      throw error
    }
  }

  async read(key: string, offset: number, length: number, options: AbortOptions = {}): Promise<Uint8Array> {
    const { path } = this.#locate(key)
    options.signal?.throwIfAborted()
    using leased = await this.#lease(key, path)
    const bytes = await readExactly(leased.handle, key, offset, length)
    options.signal?.throwIfAborted()
    return bytes
  }

  async readMany(places: readonly BlobPlace[], options: AbortOptions = {}): Promise<Uint8Array> {
    for (const { key } of places) assertBlobKey(key)
    if (places.length < 2 || !places.every(isSmall)) return await readEach(this, places, this.#lanes, options)
    options.signal?.throwIfAborted()
    const bytes = await this.#smallReads.read(places)
    options.signal?.throwIfAborted()
    return bytes
  }

  async *stream(key: string, range: BlobRange = {}): AsyncGenerator<Uint8Array> {
    const { path } = this.#locate(key)
    range.signal?.throwIfAborted()
    using leased = await this.#lease(key, path)
    yield* streamFile(leased.handle, key, range)
  }

  async delete(key: string): Promise<void> {
    const { folder, path } = this.#locate(key)
    try {
      await unlink(path)
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error
    }
    this.#files.forget(path)
    try {
      // Also when the file was gone already: whoever removed it may have died before its fsync.
      await this.#syncDirectory(folder)
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error
    }
  }

  async *list(options: AbortOptions = {}): AsyncGenerator<{ key: string; sizeBytes: number; modifiedAt: Date }> {
    for await (const folder of await opendir(this.#directory)) {
      if (!folder.isDirectory() || folder.name.startsWith('.')) continue
      yield* this.#listFolder(join(this.#directory, folder.name), options)
    }
  }

  async *#listFolder(folder: string, options: AbortOptions) {
    const entries = await opendir(folder, { bufferSize: 256 })
    let keys: string[] = []
    const describe = async (key: string) => {
      const info = await stat(join(folder, key + blobSuffix)).catch((error: unknown) => {
        if (codeOf(error) !== 'ENOENT') throw error
      })
      return info ? [{ key, sizeBytes: info.size, modifiedAt: info.mtime }] : []
    }
    for await (const entry of entries) {
      const key = entry.name.slice(0, -blobSuffix.length)
      if (entry.isFile() && entry.name.endsWith(blobSuffix) && isBlobKey(key)) keys.push(key)
      if (keys.length < 64) continue
      options.signal?.throwIfAborted()
      yield* (await Promise.all(keys.map(describe))).flat()
      keys = []
    }
    options.signal?.throwIfAborted()
    yield* (await Promise.all(keys.map(describe))).flat()
  }

  async check(): Promise<void> {
    try {
      const file = await this.#staging.create()
      try {
        const sample = randomBytes(8192)
        await file.write(sample)
        await file.sync()
        await file.close()
        const readBack = await readFile(file.path)
        if (!readBack.equals(sample)) throw new Error('a file does not read back as it was written')
        // One fixed name: whatever a crash leaves here is replaced by the next check, and removed by whoever comes last.
        const named = join(this.#directory, '.check')
        await rename(file.path, named)
        await this.#syncDirectory(this.#directory)
        await rm(named, { force: true })
      } finally {
        await file.discard()
      }
    } catch (error) {
      throw new Error(`Blobs cannot be kept in ${this.#directory}: ${(error as Error).message}`, { cause: error })
    }
  }

  async close(): Promise<void> {
    await this.#smallReads.close()
    await this.#files.close()
    await this.#staging.close()
  }

  #locate(key: string): { folder: string; path: string } {
    assertBlobKey(key)
    return { folder: folderOfBlob(this.#directory, key), path: pathOfBlob(this.#directory, key) }
  }

  async #lease(key: string, path: string) {
    try {
      return await this.#files.lease(path)
    } catch (error) {
      throw codeOf(error) === 'ENOENT' ? new BlobNotFoundError(key, { cause: error }) : error
    }
  }

  async #publish(file: StagedFile, key: string): Promise<void> {
    const { folder, path } = this.#locate(key)
    await this.#makeFolder(folder)
    await file.close()
    // Over an equal blob too: renaming is atomic for readers and mends a file that has been damaged at rest.
    await rename(file.path, path)
    this.#files.forget(path)
    await this.#syncDirectory(folder)
  }

  /** Once per folder and process, also when it exists: its maker may have died before the name was durable. */
  #makeFolder(folder: string): Promise<void> {
    let made = this.#folders.get(folder)
    if (!made) {
      // Not `recursive`: when the disk is no longer mounted, its directory must not come into being on the disk below.
      const named = mkdir(folder).catch((error: unknown) => {
        if (codeOf(error) !== 'EEXIST') throw error
      })
      made = named.then(() => this.#syncDirectory(this.#directory))
      this.#folders.set(folder, made)
      made.catch(() => this.#folders.delete(folder))
    }
    return made
  }
}

function isSmall({ offset, length }: BlobPlace): boolean {
  return Number.isSafeInteger(offset) && offset >= 0 && Number.isInteger(length) && length > 0 && length <= maxSmallBytes
}
