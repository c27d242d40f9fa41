import { type FileHandle, open, rm } from 'node:fs/promises'

/** Below this, bytes are copied and gathered; above, they go to the file from where they are. */
const smallWriteBytes = 64 * 1024
const gatherBytes = 256 * 1024
/** The disk is set to work after this many bytes, so that the last fsync of a large file finds little to do. */
const writeBackBytes = 32 * 1024 * 1024
/** Writers wait for the disk when this much is not yet there: dirty pages of one file stay bounded. */
const maxDirtyBytes = 4 * writeBackBytes

/** A file without a name that anybody knows, being appended to. */
export interface StagedFile {
  readonly path: string
  readonly sizeBytes: number
  write(...chunks: Uint8Array[]): Promise<void>
  /** Writes out what is gathered and fsyncs. Does nothing when everything is synced already. */
  sync(): Promise<void>
  /** Takes over what another writer has written and fsynced. */
  adopt(): Promise<void>
  /** Ends writing and keeps the file. */
  close(): Promise<void>
  /** Ends writing and removes the file; fine at any time, also after somebody renamed it. */
  discard(): Promise<void>
}

/** Appends the buffers at `position`, also where the system takes them in parts. */
async function writeAll(handle: FileHandle, buffers: readonly Uint8Array[], position: number): Promise<number> {
  let left = buffers.filter((buffer) => buffer.length > 0)
  let at = position
  while (left.length > 0) {
    let { bytesWritten } = await handle.writev(left, at)
    at += bytesWritten
    while (left[0] && bytesWritten >= left[0].length) {
      bytesWritten -= left[0].length
      left = left.slice(1)
    }
    if (bytesWritten > 0) left = [left[0]!.subarray(bytesWritten), ...left.slice(1)]
  }
  return at - position
}

export async function createStagedFile(path: string): Promise<StagedFile> {
  return new AppendedFile(path, await open(path, 'wx', 0o644))
}

/** Opens a scratch file that another thread created, to write it from its start. */
export async function openStagedFile(path: string): Promise<StagedFile> {
  return new AppendedFile(path, await open(path, 'r+'))
}

class AppendedFile implements StagedFile {
  readonly path: string
  readonly #handle: FileHandle
  #sizeBytes = 0
  #writtenBytes = 0
  #syncedBytes = -1
  #startedBackBytes = 0
  #onDiskBytes = 0
  #gather = new Uint8Array(0)
  #gatheredBytes = 0
  #running: Promise<void> = Promise.resolve()
  #waiting: { buffers: Uint8Array[]; done: Promise<void> } | undefined
  #writeBack: Promise<void> | undefined
  /** The first error ends the file: after a failed write or fsync the kernel may have dropped pages it will not report again. */
  #failure: Error | undefined
  #ended = false

  constructor(path: string, handle: FileHandle) {
    this.path = path
    this.#handle = handle
  }

  get sizeBytes() {
    return this.#sizeBytes
  }

  async write(...chunks: Uint8Array[]): Promise<void> {
    this.#assertWritable()
    let bytes = 0
    for (const chunk of chunks) bytes += chunk.length
    this.#sizeBytes += bytes
    if (bytes < smallWriteBytes && this.#gatheredBytes + bytes <= gatherBytes) {
      for (const chunk of chunks) this.#copy(chunk)
      return
    }
    await this.#enqueue([...this.#takeGathered(), ...chunks])
  }

  async sync(): Promise<void> {
    if (this.#syncedBytes === this.#sizeBytes) return
    this.#assertWritable()
    const target = this.#sizeBytes
    await this.#enqueue(this.#takeGathered())
    await this.#writeBack
    await this.#guard(() => this.#handle.sync())
    this.#syncedBytes = Math.max(this.#syncedBytes, target)
  }

  async adopt(): Promise<void> {
    this.#assertWritable()
    if (this.#sizeBytes > 0) throw new Error('This blob has bytes of its own already: no other writer can add to it.')
    this.#sizeBytes = this.#writtenBytes = this.#syncedBytes = (await this.#handle.stat()).size
  }

  async close(): Promise<void> {
    if (this.#ended) return
    this.#ended = true
    await this.#running
    await this.#writeBack
    await this.#handle.close()
  }

  async discard(): Promise<void> {
    await this.close().catch(() => {})
    await rm(this.path, { force: true })
  }

  #assertWritable() {
    if (this.#failure) throw this.#failure
    if (this.#ended) throw new Error('This blob was committed or discarded: nothing can be added.')
  }

  #copy(chunk: Uint8Array) {
    const needed = this.#gatheredBytes + chunk.length
    if (needed > this.#gather.length) {
      const grown = new Uint8Array(Math.min(gatherBytes, Math.max(4096, needed, this.#gather.length * 4)))
      grown.set(this.#gather.subarray(0, this.#gatheredBytes))
      this.#gather = grown
    }
    this.#gather.set(chunk, this.#gatheredBytes)
    this.#gatheredBytes = needed
  }

  #takeGathered(): Uint8Array[] {
    if (this.#gatheredBytes === 0) return []
    const taken = this.#gather.subarray(0, this.#gatheredBytes)
    this.#gather = new Uint8Array(0)
    this.#gatheredBytes = 0
    return [taken]
  }

  /** Everything that arrives while one batch is written becomes the next: one `writev` for many unawaited writes. */
  #enqueue(buffers: Uint8Array[]): Promise<void> {
    if (!this.#waiting) {
      const batch = { buffers: [] as Uint8Array[], done: Promise.resolve() }
      batch.done = this.#running.then(() => {
        this.#waiting = undefined
        return this.#guard(() => this.#writeBatch(batch.buffers))
      })
      this.#running = batch.done.catch(() => {})
      this.#waiting = batch
    }
    this.#waiting.buffers.push(...buffers)
    return this.#waiting.done
  }

  async #writeBatch(buffers: Uint8Array[]): Promise<void> {
    this.#writtenBytes += await writeAll(this.#handle, buffers, this.#writtenBytes)
    if (this.#writtenBytes - this.#onDiskBytes > maxDirtyBytes) await this.#writeBack
    if (this.#writeBack || this.#writtenBytes - this.#startedBackBytes < writeBackBytes) return
    this.#startedBackBytes = this.#writtenBytes
    this.#writeBack = this.#guard(() => this.#handle.datasync())
      .then(() => {
        this.#onDiskBytes = this.#startedBackBytes
      })
      // Kept in #failure: the next write or sync throws it.
      .catch(() => {})
      .finally(() => {
        this.#writeBack = undefined
      })
  }

  async #guard(action: () => Promise<void>): Promise<void> {
    if (this.#failure) throw this.#failure
    try {
      await action()
    } catch (error) {
      this.#failure ??= error as Error
      throw error
    }
  }
}
