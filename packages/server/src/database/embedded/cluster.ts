import { randomBytes } from 'node:crypto'
import { chown, mkdir, mkdtemp, open, readdir, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { KeepsakeError } from '../../errors.ts'
import { findBinaries } from './binaries.ts'
import { isAlive } from './is-alive.ts'
import { type Programs, runProgram } from './programs.ts'
import { chooseRunAs } from './run-as.ts'

/** One PostgreSQL data directory that belongs to Keepsake, and all it takes to run programs on it. */
export interface Cluster extends Programs {
  /** Keepsake's data directory, absolute. */
  dataDir: string
  /** PostgreSQL's data directory below it. */
  dir: string
  password: string
}

/** PostgreSQL settings by name; they override Keepsake's. */
export type Settings = Record<string, string>

const majorVersion = '18'
const passwordFile = 'keepsake-password'

/** PostgreSQL's folder for `dataDir`, the same string by whatever links it is reached: it identifies the process that runs there. */
export async function clusterDirOf(dataDir: string): Promise<string> {
  return join(await realpath(dataDir).catch(() => resolve(dataDir)), 'postgres')
}

async function readIfThere(path: string): Promise<string | undefined> {
  return await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
    throw error
  })
}

/** The password of the cluster in `dir`, or undefined where there is none. A cluster and its password come into being together. */
export async function findPassword(dir: string): Promise<string | undefined> {
  const version = (await readIfThere(join(dir, 'PG_VERSION')))?.trim()
  if (version === undefined) return undefined
  if (version !== majorVersion) {
    throw new KeepsakeError(
      'ERROR_UNAVAILABLE',
      `The database in ${dir} was made by PostgreSQL ${version}; this Keepsake comes with ${majorVersion}. Dump it with the old version and restore it into a new data directory.`,
    )
  }
  const password = (await readIfThere(join(dir, passwordFile)))?.trim()
  if (!password) {
    throw new KeepsakeError(
      'ERROR_UNAVAILABLE',
      `The database in ${dir} has lost its password file ${passwordFile}. Restore it from a backup.`,
    )
  }
  return password
}

async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(path, 'r')
  await handle.sync().finally(() => handle.close())
}

/** Removes what a crash in the middle of `createCluster` left; the process id in the name tells whether its maker still works on it. */
async function removeUnfinished(dataDir: string): Promise<void> {
  for (const name of await readdir(dataDir)) {
    const pid = /^postgres\.new-(\d+)-/.exec(name)?.[1]
    if (!pid || isAlive(Number(pid))) continue
    // Programs its dead maker started may still write there for a moment; what resists is left to the next start.
    await rm(join(dataDir, name), { recursive: true, force: true, maxRetries: 5, retryDelay: 50 }).catch(() => undefined)
  }
}

/** Makes the role and database the server uses; that role is no superuser, so SQL cannot reach files or programs. */
function bootstrapSql(password: string): string {
  return [
    `CREATE ROLE keepsake LOGIN CREATEDB PASSWORD '${password}';`,
    'CREATE DATABASE keepsake OWNER keepsake;',
    'REVOKE CONNECT ON DATABASE postgres FROM PUBLIC;',
    '',
  ].join('\n')
}

/**
 * Makes a cluster beside its final place and renames it there when it is complete and on disk,
 * so that after a crash at any point there is either a whole one or none.
 */
async function createCluster(
  cluster: Omit<Cluster, 'password'>,
  { settings = {}, signal }: { settings?: Settings | undefined; signal?: AbortSignal | undefined },
): Promise<void> {
  const { dataDir, dir, runAs } = cluster
  const scratch = await mkdtemp(join(dataDir, `postgres.new-${process.pid}-`))
  try {
    const password = randomBytes(24).toString('base64url')
    const pwfile = join(scratch, 'password')
    await writeFile(pwfile, `${password}\n`, { mode: 0o600 })
    if (runAs.owner) for (const path of [pwfile, scratch]) await chown(path, runAs.owner.uid, runAs.owner.gid)
    const made = join(scratch, 'cluster')
    const sync = settings.fsync === 'off' ? ['--no-sync'] : []
    const locale = ['--encoding=UTF8', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C']
    const access = ['--username=postgres', '--auth=scram-sha-256', `--pwfile=${pwfile}`]
    await runProgram(cluster, 'initdb', ['-D', made, ...locale, ...access, '--data-checksums', '--no-instructions', ...sync], {
      signal,
    })
    const single = ['--single', '-D', made, '-c', 'exit_on_error=on', '-c', `fsync=${settings.fsync ?? 'on'}`, 'postgres']
    await runProgram(cluster, 'postgres', single, { input: bootstrapSql(password), signal })
    await rename(pwfile, join(made, passwordFile))
    const handle = await open(join(made, passwordFile), 'r')
    await handle.sync().finally(() => handle.close())
    await syncDirectory(made)
    await rename(made, dir).catch(async (error: unknown) => {
      // Another process was quicker: its cluster is as good as this one.
      if ((await findPassword(dir)) === undefined) throw error
    })
    await syncDirectory(dataDir)
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

async function refuseForeignFiles(dir: string): Promise<void> {
  const names = await readdir(dir).catch((error: NodeJS.ErrnoException): string[] => {
    // What may not be read is explained by `chooseRunAs`.
    if (error.code === 'ENOENT' || error.code === 'EACCES') return []
    throw error
  })
  if (names.length > 0 && !names.includes('PG_VERSION')) {
    throw new KeepsakeError('ERROR_UNAVAILABLE', `${dir} is in the way: it has files and is not a PostgreSQL data directory.`)
  }
}

/** The cluster of `dataDir`, made now when there is none. */
export async function prepareCluster(
  dataDirectory: string,
  options: { settings?: Settings | undefined; signal?: AbortSignal | undefined } = {},
): Promise<Cluster> {
  await mkdir(dataDirectory, { recursive: true })
  const dir = await clusterDirOf(dataDirectory)
  const dataDir = dirname(dir)
  await refuseForeignFiles(dir)
  const binaries = await findBinaries(join(dataDir, 'postgres-lib'))
  const runAs = await chooseRunAs(dir, [dataDir, join(binaries.binDir, 'postgres')])
  await removeUnfinished(dataDir)
  if ((await findPassword(dir)) === undefined) await createCluster({ dataDir, dir, binaries, runAs }, options)
  const password = await findPassword(dir)
  if (!password) throw new KeepsakeError('ERROR_UNAVAILABLE', `The database in ${dir} was removed while it was being made.`)
  return { dataDir, dir, password, binaries, runAs }
}
