/** What is kept of an upload in this browser, so that it goes on after the page was closed. The bytes are not: they are where they were. */
export interface Remembered {
  id: string
  /** The account it belongs to. */
  userId: number
  name: string
  kind: 'file' | 'directory' | 'car' | 'token'
  /** Directories: how the files were chosen, to ask for them in the same way. */
  isFolder: boolean
  totalBytes: number
  fileCount: number
  createdAt: number
  /** Of a token: its metadata and the places of its files, by file name. */
  token?: { meta: unknown; places: { place: readonly string[]; fileName: string }[] }
  /** Known from packing. */
  cid?: string
  partCount?: number
  /** Parts the server has acknowledged. */
  acknowledged: number[]
  /** With which the browser opens the same file or folder again, where it has such a thing. */
  handle?: FileSystemHandle
}

const storeName = 'uploads'

function openDatabase(): Promise<IDBDatabase> {
  const request = indexedDB.open('keepsake', 1)
  request.onupgradeneeded = () => request.result.createObjectStore(storeName, { keyPath: 'id' })
  return resultOf(request)
}

function resultOf<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}

/** Uploads that are not finished, oldest first. Where a browser keeps nothing (private windows of some), there are none, and uploads work all the same. */
export interface Memory {
  list(): Promise<Remembered[]>
  save(upload: Remembered): Promise<void>
  forget(id: string): Promise<void>
}

export function openMemory(userId: number): Memory {
  const opening = openDatabase().catch(() => undefined)
  const store = async (mode: IDBTransactionMode) =>
    (await opening)?.transaction(storeName, mode, { durability: 'strict' }).objectStore(storeName)
  return {
    async list() {
      const reading = await store('readonly')
      const all = reading ? await resultOf<Remembered[]>(reading.getAll()) : []
      return all.filter((one) => one.userId === userId).sort((a, b) => a.createdAt - b.createdAt)
    },
    async save(upload) {
      try {
        const writing = await store('readwrite')
        if (writing) await resultOf(writing.put(upload))
      } catch {
        // Not being able to remember is no reason not to store.
      }
    },
    async forget(id) {
      const writing = await store('readwrite')
      if (writing) await resultOf(writing.delete(id)).catch(() => undefined)
    },
  }
}
