import { sentenceOf } from '../../api/failure.ts'
import type { Choice } from '../choose/choice.ts'
import { filesOf, type Packed, type PackRequest, sizeBytesOf } from '../pack/pack-request.ts'
import { type Slots, slots } from '../send/slots.ts'
import { claim, claimedIds } from './claims.ts'
import { type Memory, openMemory, type Remembered } from './remembered.ts'
import { runUpload } from './run-upload.ts'
import type { Upload } from './upload.ts'

/** The uploads of one account at this page. They go on while other pages of the website are shown. */
export interface Uploads {
  subscribe(onChange: () => void): () => void
  snapshot(): readonly Upload[]
  /** Begins an upload of each; gives their ids. */
  add(choices: readonly Choice[]): string[]
  pause(id: string): void
  /** Goes on with an upload that was paused or failed and whose files are known. */
  resume(id: string): void
  /** Goes on with an upload that needs its files. */
  provide(id: string, request: PackRequest): void
  /** What is known of it beside what is shown. */
  remembered(id: string): Remembered | undefined
  /** Takes it from the list. What the server acknowledged stays with the server. */
  dismiss(id: string): void
  /** Stops everything; for signing out. */
  close(): void
}

interface Entry {
  upload: Upload
  record: Remembered
  request?: PackRequest
  packed?: Packed
  running?: AbortController
}

/** Half of the connections a browser opens to one server, so that the pages stay quick. */
const partsAtOnce = 3
const uploadsAtOnce = 3

export function createUploads(userId: number): Uploads {
  const memory = openMemory(userId)
  const entries = new Map<string, Entry>()
  const listeners = new Set<() => void>()
  const places = { upload: slots(uploadsAtOnce), packing: slots(1), sending: slots(partsAtOnce) }
  let shown: readonly Upload[] = []

  const publish = () => {
    shown = [...entries.values()].map(({ upload }) => upload).reverse()
    for (const listener of listeners) listener()
  }
  const update = (entry: Entry, change: Partial<Upload>) => {
    entry.upload = { ...entry.upload, ...change }
    publish()
  }
  const run = (entry: Entry, request: PackRequest) =>
    runEntry(entry, request, { memory, places, update: (change) => update(entry, change) })
  const closing = new AbortController()
  const add = (choice: Choice): string => {
    const record = recordOf(choice, userId)
    claim(record.id, closing.signal)
    const entry: Entry = { record, upload: uploadOf(record, 'waiting') }
    entries.set(record.id, entry)
    entry.request = choice.request
    // Unless it was paused or taken away in that moment.
    void memory.save(record).then(() => {
      if (entry.upload.stage === 'waiting' && entries.has(record.id)) void run(entry, choice.request)
    })
    return record.id
  }
  void Promise.all([memory.list(), claimedIds()]).then(([records, claimed]) => {
    for (const record of records) {
      if (entries.has(record.id) || claimed.has(record.id)) continue
      entries.set(record.id, { record, upload: uploadOf(record, 'needs-files') })
      claim(record.id, closing.signal)
    }
    publish()
  })

  return {
    subscribe(onChange) {
      listeners.add(onChange)
      return () => listeners.delete(onChange)
    },
    snapshot: () => shown,
    add(choices) {
      const ids = choices.map(add)
      publish()
      return ids
    },
    pause(id) {
      const entry = entries.get(id)
      entry?.running?.abort()
      if (entry) update(entry, { stage: 'paused', wait: undefined })
    },
    resume(id) {
      const entry = entries.get(id)
      if (entry?.request) void run(entry, entry.request)
    },
    provide(id, request) {
      const entry = entries.get(id)
      if (entry) void run(entry, request)
    },
    remembered: (id) => entries.get(id)?.record,
    dismiss(id) {
      entries.get(id)?.running?.abort()
      entries.delete(id)
      void memory.forget(id)
      publish()
    },
    close() {
      closing.abort()
      for (const { running } of entries.values()) running?.abort()
    },
  }
}

interface RunContext {
  memory: Memory
  places: Record<'upload' | 'packing' | 'sending', Slots>
  update: (change: Partial<Upload>) => void
}

async function runEntry(entry: Entry, request: PackRequest, { memory, places, update }: RunContext): Promise<void> {
  const running = new AbortController()
  const { signal } = running
  entry.running?.abort()
  entry.running = running
  // Other files have to be packed, whatever was packed before.
  if (entry.request !== request) delete entry.packed
  entry.request = request
  update({ stage: 'waiting', problem: undefined, wait: undefined })
  // What a former run still has to say does not count any more.
  const updateThis = (change: Partial<Upload>) => {
    if (!signal.aborted) update(change)
  }
  const onPacked = (packed: Packed) => {
    entry.packed = packed
  }
  const { record, packed } = entry
  try {
    await places.upload.hold(signal, () =>
      runUpload({ record, request, packed, signal, ...places, update: updateThis, save: memory.save, onPacked }),
    )
    delete entry.packed
    await memory.forget(record.id)
  } catch (error) {
    updateThis({ stage: 'failed', problem: sentenceOf(error), wait: undefined })
  }
}

function recordOf({ name, request, isFolder, handle }: Choice, userId: number): Remembered {
  const token =
    request.kind === 'token'
      ? { meta: request.meta, places: request.files.map(({ place, file }) => ({ place, fileName: file.name })) }
      : undefined
  return {
    id: newId(),
    userId,
    name,
    kind: request.kind,
    isFolder: isFolder ?? false,
    totalBytes: sizeBytesOf(request),
    fileCount: filesOf(request).length,
    createdAt: Date.now(),
    acknowledged: [],
    ...(token && { token }),
    ...(handle && { handle }),
  }
}

/** `crypto.randomUUID` is there over HTTPS only. */
function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

function uploadOf(record: Remembered, stage: Upload['stage']): Upload {
  const { id, name, kind, isFolder, fileCount, totalBytes, cid, partCount, acknowledged, handle } = record
  return {
    id,
    name,
    kind,
    isFolder,
    fileCount,
    totalBytes,
    stage,
    readBytes: 0,
    cid,
    sentBytes: 0,
    partCount,
    acknowledgedCount: acknowledged.length,
    hasHandle: handle !== undefined,
  }
}
