import { randomBytes } from 'node:crypto'
import { mkdir, opendir, readFile, rename, rm, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { AbortOptions } from '@keepsake/content/block.ts'
import {
  assertBlobKey,
  type BlobLogger,
  BlobNotFoundError,
  type BlobRange,
  type BlobStore,
  isBlobKey,
  type StagedBlob,
} from './blobs.ts'
import { directorySync, makeDurableDirectory, type SyncDirectory } from './directory-sync.ts'
import { type OpenFiles, openFiles } from './open-files.ts'
import { readExactly, streamFile } from './read-file.ts'
import { stagedBlob } from './staged-blob.ts'
import type { StagedFile } from './staged-file.ts'
import { openStaging, type Staging } from './staging.ts'

export interface LocalBlobsOptions {
  /** Holds the blobs and, in `.staging`, the scratch files. Created when missing; many processes may share it. */
  directory: string
  logger?: BlobLogger | undefined
}

const suffix = '.car'
const idleHandles = { maxIdle: 256, maxAgeMs: 10_000 }

/**
 * Blobs as files, `<directory>/<two characters>/<key>.car`. The folder is named by the two characters before the last of the key:
 * those are spread evenly in every base, unlike the first ones, and a directory stays small enough to list.
 */
export async function openLocalBlobs({ directory, logger }: LocalBlobsOptions): Promise<BlobStore> {
  const files = openFiles(idleHandles)
  const syncDirectory = directorySync(files)
  await makeDurableDirectory(directory, syncDirectory)
  const staging = await openStaging({ directory: join(directory, '.staging'), logger })
  return new LocalBlobs(directory, staging, files, syncDirectory)
}

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code

class LocalBlobs implements BlobStore {
  readonly #directory: string
  readonly #staging: Staging
  readonly #files: OpenFiles
  readonly #syncDirectory: SyncDirectory
  readonly #folders = new Map<string, Promise<void>>()

  constructor(directory: string, staging: Staging, files: OpenFiles, syncDirectory: SyncDirectory) {
    this.#directory = directory
    this.#staging = staging
    this.#files = files
    this.#syncDirectory = syncDirectory
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
      const info = await stat(join(folder, key + suffix)).catch((error: unknown) => {
        if (codeOf(error) !== 'ENOENT') throw error
      })
      return info ? [{ key, sizeBytes: info.size, modifiedAt: info.mtime }] : []
    }
    for await (const entry of entries) {
      const key = entry.name.slice(0, -suffix.length)
      if (entry.isFile() && entry.name.endsWith(suffix) && isBlobKey(key)) keys.push(key)
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
    await this.#files.close()
    await this.#staging.close()
  }

  #locate(key: string): { folder: string; path: string } {
    assertBlobKey(key)
    const folder = join(this.#directory, key.slice(-3, -1).padStart(2, '_'))
    return { folder, path: join(folder, key + suffix) }
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
