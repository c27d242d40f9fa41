import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import type { BlobLogger } from './blobs.ts'
import { formatIdentity, livenessOf, ownIdentity, parseIdentity } from './process-identity.ts'
import { createStagedFile, type StagedFile } from './staged-file.ts'

/** How often a living process says so, for those who cannot see its process table. */
const heartbeatMs = 60_000
/** A folder of an unseen process that was silent this long is dead. Deleting a living one's files only fails its uploads. */
const silentMs = 20 * 60_000

/** Scratch space of this process in a folder that many processes may share. */
export interface Staging {
  create(): Promise<StagedFile>
  close(): Promise<void>
}

async function removeDeadFolders(directory: string, own: ReturnType<typeof ownIdentity>, logger?: BlobLogger) {
  for (const name of await readdir(directory)) {
    const path = join(directory, name)
    const identity = parseIdentity(name)
    const liveness = identity ? livenessOf(identity, own) : 'unknown'
    if (liveness === 'alive') continue
    if (liveness === 'unknown') {
      const info = await stat(path).catch(() => undefined)
      if (!info || Date.now() - info.mtimeMs < silentMs) continue
    }
    // Another process may be removing the same folder at this moment: whoever is second finds it gone.
    await rm(path, { recursive: true, force: true }).catch((error: unknown) => {
      logger?.warn({ path, err: error }, 'could not remove scratch files of a process that died')
    })
    logger?.info({ path }, 'removed scratch files of a process that died')
  }
}

/** Opens `<directory>/<identity of this process>/` and removes the folders of processes that died. */
export async function openStaging({
  directory,
  logger,
}: {
  directory: string
  logger?: BlobLogger | undefined
}): Promise<Staging> {
  const own = ownIdentity()
  const path = join(directory, `${formatIdentity(own)}-${randomBytes(6).toString('hex')}`)
  await mkdir(path, { recursive: true })
  await removeDeadFolders(directory, own, logger)
  const heartbeat = setInterval(() => {
    const now = new Date()
    utimes(path, now, now).catch((error: unknown) =>
      logger?.warn({ path, err: error }, 'could not mark scratch folder as in use'),
    )
  }, heartbeatMs).unref()
  let created = 0
  return {
    create() {
      created += 1
      return createStagedFile(join(path, String(created)))
    },
    async close() {
      clearInterval(heartbeat)
      await rm(path, { recursive: true, force: true })
    },
  }
}
