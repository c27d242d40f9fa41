import { mkdir } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { OpenFiles } from './open-files.ts'

export type SyncDirectory = (path: string) => Promise<void>

/**
 * Makes names in a directory durable. Calls that arrive while an fsync of the same directory runs share the next one:
 * the running one may have begun before their rename, so it promises them nothing.
 */
export function directorySync(files: Pick<OpenFiles, 'use'>): SyncDirectory {
  const lanes = new Map<string, { running: Promise<void>; next: Promise<void> | undefined }>()

  // Windows cannot open a directory as a file; NTFS journals names in order by itself.
  const fsync = (path: string) => (process.platform === 'win32' ? Promise.resolve() : files.use(path, (handle) => handle.sync()))

  function start(path: string): Promise<void> {
    const running = fsync(path)
    const lane = { running, next: undefined }
    lanes.set(path, lane)
    const finish = () => {
      if (lanes.get(path) === lane && lane.next === undefined) lanes.delete(path)
    }
    running.then(finish, finish)
    return running
  }

  return (path) => {
    const lane = lanes.get(path)
    if (!lane) return start(path)
    lane.next ??= lane.running.catch(() => {}).then(() => start(path))
    return lane.next
  }
}

/** Creates a folder and its missing parents so that they survive a power cut. */
export async function makeDurableDirectory(path: string, sync: SyncDirectory): Promise<void> {
  const first = await mkdir(resolve(path), { recursive: true })
  if (first === undefined) return
  for (let made = resolve(path); ; made = dirname(made)) {
    await sync(dirname(made))
    if (made === first || made === dirname(made)) return
  }
}
