import { execFile } from 'node:child_process'
import { mkdir, rm, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** A file system of a few megabytes, as full as a test wants it. */
export interface SmallDisk extends AsyncDisposable {
  directory: string
  /** Takes all the room there is, except this much. */
  fillTo(leftBytes: number): Promise<void>
  /** Gives back what `fillTo` took. */
  free(): Promise<void>
}

/** Why small disks cannot be made here; undefined where they can: that takes Linux and root. */
export const noSmallDisk =
  process.platform === 'linux' && process.getuid?.() === 0 ? undefined : 'a small disk can only be mounted by root on Linux'

/** Mounts a tmpfs on `directory`, which is created when missing. */
export async function mountSmallDisk(directory: string, sizeBytes: number): Promise<SmallDisk> {
  await mkdir(directory, { recursive: true })
  await run('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes}`, 'tmpfs', directory])
  const ballast = join(directory, '.ballast')
  return {
    directory,
    async fillTo(leftBytes) {
      await rm(ballast, { force: true })
      const { bavail, bsize } = await statfs(directory)
      await writeFile(ballast, new Uint8Array(Math.max(0, bavail * bsize - leftBytes)))
    },
    free: () => rm(ballast, { force: true }),
    async [Symbol.asyncDispose]() {
      await run('umount', ['--lazy', directory])
    },
  }
}
