import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chown, mkdir, mkdtemp, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { KeepsakeError } from '../../errors.ts'
import { type Binaries, findBinaries } from './binaries.ts'
import { chooseRunAs, type RunAs } from './run-as.ts'

/** One PostgreSQL data directory that belongs to Keepsake, and all it takes to run programs on it. */
export interface Cluster {
  /** Keepsake's data directory, absolute. */
  dataDir: string
  /** PostgreSQL's data directory below it. */
  dir: string
  password: string
  binaries: Binaries
  runAs: RunAs
}

/** PostgreSQL settings by name; they override Keepsake's. */
export type Settings = Record<string, string>

const majorVersion = '18'
const passwordFile = 'keepsake-password'

export function clusterDirOf(dataDir: string): string {
  return join(resolve(dataDir), 'postgres')
}

/** The environment of every PostgreSQL program: none of ours, so that PG* variables and locales of the caller change nothing. */
export function programEnv(binaries: Binaries): Record<string, string> {
  const { PATH = '/usr/bin:/bin', SystemRoot } = process.env
  return { PATH, LC_ALL: 'C', TZ: 'UTC', ...(SystemRoot && { SystemRoot }), ...binaries.env }
}

/** The command line, user and environment that run PostgreSQL's `program`. */
export function commandOf(cluster: Pick<Cluster, 'binaries' | 'runAs'>, program: string, args: string[]) {
  const { owner, prefix } = cluster.runAs
  const [file = '', ...rest] = [...prefix, join(cluster.binaries.binDir, program), ...args]
  const options = { env: programEnv(cluster.binaries), cwd: process.platform === 'win32' ? undefined : '/' }
  return { file, args: rest, options: owner && prefix.length === 0 ? { ...options, ...owner } : options }
}

/** Runs a PostgreSQL program to its end with `input` on its standard input; throws with what it printed when it fails. */
export async function runProgram(
  cluster: Pick<Cluster, 'binaries' | 'runAs'>,
  program: string,
  args: string[],
  { input = '', signal }: { input?: string; signal?: AbortSignal | undefined } = {},
): Promise<void> {
  const command = commandOf(cluster, program, args)
  await new Promise<void>((done, fail) => {
    const child = execFile(command.file, command.args, { ...command.options, ...(signal && { signal }) }, (error, out, err) => {
      if (!error) return done()
      if (signal?.aborted) return fail(signal.reason)
      const printed = `${err}\n${out}`.trim().slice(-2000) || error.message
      fail(new KeepsakeError('ERROR_UNAVAILABLE', `PostgreSQL's ${program} failed: ${printed}`, { cause: error }))
    })
    // A program that ended before reading its input has its failure reported by the callback above.
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(input)
  })
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

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Removes what a crash in the middle of `createCluster` left; the process id in the name tells whether its maker still works on it. */
async function removeUnfinished(dataDir: string): Promise<void> {
  for (const name of await readdir(dataDir)) {
    const pid = /^postgres\.new-(\d+)-/.exec(name)?.[1]
    if (pid && !isAlive(Number(pid))) await rm(join(dataDir, name), { recursive: true, force: true })
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

/** The cluster of `dataDir`, made now when there is none. */
export async function prepareCluster(
  dataDirectory: string,
  options: { settings?: Settings | undefined; signal?: AbortSignal | undefined } = {},
): Promise<Cluster> {
  const dataDir = resolve(dataDirectory)
  await mkdir(dataDir, { recursive: true })
  const dir = clusterDirOf(dataDir)
  const binaries = await findBinaries(join(dataDir, 'postgres-lib'))
  const runAs = await chooseRunAs(dir, [dataDir, join(binaries.binDir, 'postgres')])
  await removeUnfinished(dataDir)
  if ((await findPassword(dir)) === undefined) await createCluster({ dataDir, dir, binaries, runAs }, options)
  const password = await findPassword(dir)
  if (!password) throw new KeepsakeError('ERROR_UNAVAILABLE', `${dir} is in the way: it is not a PostgreSQL data directory.`)
  return { dataDir, dir, password, binaries, runAs }
}
