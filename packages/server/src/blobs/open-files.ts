import { type FileHandle, open } from 'node:fs/promises'

export interface OpenFilesOptions {
  /** Handles kept open while nobody uses them. More are open only while more are in use at once. */
  maxIdle: number
  /** A handle is opened anew after this long, so that a file deleted by another process neither answers nor keeps its disk space. */
  maxAgeMs: number
}

interface Entry {
  opening: Promise<FileHandle>
  openedAt: number
  users: number
  /** No longer in the table: the last user closes it. */
  retired: boolean
}

/** Files opened for reading, shared by path, least recently used closed first, never closed under somebody's read. */
export interface OpenFiles {
  /** Runs `action` with the open file; the handle stays open until `action` settles. Rejects as `open` does (`ENOENT`). */
  use<T>(path: string, action: (handle: FileHandle) => Promise<T>): Promise<T>
  /** The same for uses that are not one call: leave the scope of the lease to give it back. */
  lease(path: string): Promise<{ handle: FileHandle } & Disposable>
  /** The next use opens the file anew: its name was deleted or given to other bytes. */
  forget(path: string): void
  close(): Promise<void>
}

export function openFiles({ maxIdle, maxAgeMs }: OpenFilesOptions): OpenFiles {
  // A Map iterates in order of insertion: re-inserting on use makes its first key the least recently used.
  const entries = new Map<string, Entry>()
  const closing = new Set<Promise<void>>()
  let sweep: NodeJS.Timeout | undefined

  function dispose(entry: Entry) {
    const closed: Promise<void> = entry.opening.then((handle) => handle.close()).catch(() => {})
    closing.add(closed)
    void closed.then(() => closing.delete(closed))
  }

  function retire(path: string, entry: Entry) {
    if (entry.retired) return
    entry.retired = true
    entries.delete(path)
    if (entry.users === 0) dispose(entry)
  }

  function release(entry: Entry) {
    entry.users -= 1
    if (entry.users === 0 && entry.retired) dispose(entry)
  }

  function retireOld() {
    const oldest = Date.now() - maxAgeMs
    for (const [path, entry] of entries) if (entry.openedAt < oldest) retire(path, entry)
    if (entries.size > 0) return
    clearInterval(sweep)
    sweep = undefined
  }

  function acquire(path: string): Entry {
    let entry = entries.get(path)
    if (entry && entry.openedAt < Date.now() - maxAgeMs) {
      retire(path, entry)
      entry = undefined
    }
    if (entry) entries.delete(path)
    entry ??= { opening: open(path, 'r'), openedAt: Date.now(), users: 0, retired: false }
    entries.set(path, entry)
    entry.users += 1
    if (entries.size > maxIdle) {
      const [eldest] = entries
      if (eldest) retire(...eldest)
    }
    sweep ??= setInterval(retireOld, maxAgeMs).unref()
    return entry
  }

  async function lease(path: string) {
    const entry = acquire(path)
    try {
      const handle = await entry.opening
      return { handle, [Symbol.dispose]: () => release(entry) }
    } catch (error) {
      retire(path, entry)
      release(entry)
      throw error
    }
  }

  return {
    lease,
    async use(path, action) {
      using leased = await lease(path)
      return await action(leased.handle)
    },
    forget(path) {
      const entry = entries.get(path)
      if (entry) retire(path, entry)
    },
    async close() {
      clearInterval(sweep)
      for (const [path, entry] of entries) retire(path, entry)
      await Promise.all(closing)
    },
  }
}
