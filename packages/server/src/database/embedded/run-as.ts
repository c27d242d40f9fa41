import { execFile } from 'node:child_process'
import { chown, lchown, opendir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { KeepsakeError } from '../../errors.ts'

const exec = promisify(execFile)

/**
 * How PostgreSQL's programs are started. PostgreSQL refuses to run as root, so when Keepsake is root they run as `owner`.
 * `prefix` is a command that goes before theirs, needed where only root may pass to the data directory or to this clone.
 */
export interface RunAs {
  owner?: { uid: number; gid: number }
  prefix: string[]
}

interface Owner {
  uid: number
  gid: number
}

async function findUser(name: string): Promise<Owner | undefined> {
  try {
    const [uid, gid] = await Promise.all(['-u', '-g'].map(async (flag) => Number((await exec('id', [flag, name])).stdout)))
    return uid ? { uid, gid: gid! } : undefined
  } catch {
    return undefined
  }
}

/** Gives everything below `path` to `owner`; a restored backup often belongs to root. */
async function giveTree(path: string, { uid, gid }: Owner): Promise<void> {
  for await (const entry of await opendir(path)) {
    if (entry.isDirectory()) await giveTree(join(path, entry.name), { uid, gid })
    else await lchown(join(path, entry.name), uid, gid)
  }
  await chown(path, uid, gid)
}

function capabilityPrefix({ uid, gid }: Owner, capability: string): string[] {
  const only = `-all,+${capability}`
  // Without no_setuid_fixup the kernel drops capabilities inside access(2), which PostgreSQL uses to look for its own programs.
  const bits = '--securebits=+no_setuid_fixup'
  const sets = [`--inh-caps=${only}`, `--ambient-caps=${only}`, `--bounding-set=${only}`, bits]
  return ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', ...sets, '--']
}

/** Finds the least privilege with which `owner` can enter all of `paths`; see capabilities(7). */
async function findPassage(owner: Owner, paths: string[]): Promise<RunAs> {
  const question = paths.flatMap((path, index) => [...(index > 0 ? ['-a'] : []), '-x', path])
  const failures: unknown[] = []
  try {
    await exec('test', question, { ...owner, cwd: '/' })
    return { owner, prefix: [] }
  } catch (error) {
    failures.push(error)
  }
  for (const capability of process.platform === 'linux' ? ['dac_read_search', 'dac_override'] : []) {
    const prefix = capabilityPrefix(owner, capability)
    try {
      await exec(prefix[0]!, [...prefix.slice(1), 'test', ...question], { cwd: '/' })
      return { owner, prefix }
    } catch (error) {
      failures.push(error)
    }
  }
  throw new KeepsakeError(
    'ERROR_UNAVAILABLE',
    `Keepsake runs as root, PostgreSQL refuses to, and user ${owner.uid} cannot enter ${paths.join(' or ')}. ` +
      'Run Keepsake as an ordinary user, or keep it and its data directory where others may enter (chmod o+x on each folder above), ' +
      'or install setpriv (util-linux), or set DATABASE_URL to a PostgreSQL server of yours.',
    { cause: new AggregateError(failures) },
  )
}

/**
 * Decides as whom to run PostgreSQL for the cluster in `clusterDir` (which may not exist yet); `reach` are folders that user has to enter.
 * Throws when the cluster belongs to another user, or when no way to reach the folders works.
 */
export async function chooseRunAs(clusterDir: string, reach: string[]): Promise<RunAs> {
  const uid = process.getuid?.()
  if (uid === undefined) return { prefix: [] }
  const existing = await stat(clusterDir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (uid !== 0) {
    if (!existing || existing.uid === uid) return { prefix: [] }
    throw new KeepsakeError(
      'ERROR_UNAVAILABLE',
      `The database in ${clusterDir} belongs to user ${existing.uid}, and Keepsake runs as user ${uid}. ` +
        `Run it as the user who made it (or as root), or give the folder to user ${uid} with chown -R.`,
    )
  }
  if (existing?.uid) return await findPassage({ uid: existing.uid, gid: existing.gid }, [...reach, clusterDir])
  const owner = (await findUser('postgres')) ?? (await findUser('nobody')) ?? { uid: 65534, gid: 65534 }
  if (existing) await giveTree(clusterDir, owner)
  return await findPassage(owner, reach)
}
