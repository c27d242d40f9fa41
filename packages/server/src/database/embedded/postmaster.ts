import { execFile } from 'node:child_process'
import { readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { isAlive, sendSignal } from './is-alive.ts'
import { type Programs, runProgram } from './programs.ts'

const exec = promisify(execFile)

/** A PostgreSQL server process ("postmaster") that owns a cluster. */
export interface Postmaster {
  pid: number
  port: number
}

interface PidFile {
  text: string
  pid: number
  /** 0 in the first moments of a start. */
  port: number
}

/** Reads `postmaster.pid` (PostgreSQL's src/include/utils/pidfile.h): line 1 is the process id, line 4 the port. */
async function readPidFile(dir: string): Promise<PidFile | undefined> {
  const text = await readFile(join(dir, 'postmaster.pid'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (text === undefined) return undefined
  const lines = text.split('\n')
  return { text, pid: Number(lines[0]) || 0, port: Number(lines[3]) || 0 }
}

/** Whether `pid` is a live PostgreSQL server on `dir`; ids are used again, so being alive is not enough. */
export async function isPostmaster(pid: number, dir: string): Promise<boolean> {
  if (pid <= 0 || !isAlive(pid)) return false
  // Windows: PostgreSQL itself only counts processes that answer on its signal pipe; nothing better can be asked from here.
  if (process.platform === 'win32') return true
  if (process.platform === 'linux') {
    // A postmaster's working directory is its data directory; a zombie has none.
    try {
      const [own, theirs] = await Promise.all([stat(dir), stat(`/proc/${pid}/cwd`)])
      if (own.dev === theirs.dev && own.ino === theirs.ino) return true
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    }
    // Before it gets there, and when it runs as somebody else, its command line tells.
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    return command.split('\0').includes(dir)
  }
  const { stdout } = await exec('ps', ['-ww', '-o', 'command=', '-p', String(pid)]).catch(() => ({ stdout: '' }))
  return stdout.includes(dir)
}

/** The server that runs on the cluster in `dir`, whoever started it. */
export async function findPostmaster(dir: string): Promise<Postmaster | undefined> {
  for (let attempt = 0; ; attempt++) {
    const file = await readPidFile(dir)
    if (!file || !(await isPostmaster(file.pid, dir))) return undefined
    if (file.port > 0 || attempt === 100) return { pid: file.pid, port: file.port }
    await sleep(20)
  }
}

/**
 * Makes a `postmaster.pid` that a dead server left harmless. PostgreSQL refuses to start when the id in it belongs to any live
 * process of its user. The file must not be removed: it also names the shared memory that tells whether orphaned backends still write.
 * So the id becomes this process's, which PostgreSQL disregards because it is its parent.
 */
export async function disarmPidFile(dir: string): Promise<void> {
  const path = join(dir, 'postmaster.pid')
  const file = await readPidFile(dir)
  if (!file || (await isPostmaster(file.pid, dir))) return
  if (file.pid === 0) {
    // Empty after a power failure, or about to be written by a server that starts now.
    await sleep(1000)
    if ((await readPidFile(dir))?.pid === 0) await rm(path, { force: true })
    return
  }
  if (file.pid === process.pid) return
  const current = await readPidFile(dir)
  if (current?.text === file.text) await writeFile(path, file.text.replace(/^-?\d+/, String(process.pid)), { flag: 'r+' })
}

async function waitUntil(gone: () => Promise<boolean>, timeoutMs: number): Promise<boolean> {
  const end = Date.now() + timeoutMs
  while (!(await gone())) {
    if (Date.now() > end) return false
    await sleep(10)
  }
  return true
}

/**
 * Fast shutdown: sessions are cut, everything is written, the process is gone when this returns. After a minute without that it is
 * shut down as by a crash (nothing committed is lost, the next start recovers). The pid file's fate is the server's own business.
 * `gone` says whether it has ended; whoever started it knows that better than the system's list of processes, where a program that
 * is being executed has no command line for a moment.
 */
export async function stopPostmaster(
  { pid }: Postmaster,
  cluster: Programs & { dir: string },
  gone = async () => !(await isPostmaster(pid, cluster.dir)),
): Promise<void> {
  if (process.platform === 'win32') {
    await runProgram(cluster, 'pg_ctl', ['stop', '-D', cluster.dir, '-m', 'fast', '-w', '-t', '60'])
    return
  }
  const steps: [NodeJS.Signals, number][] = [
    ['SIGINT', 60_000],
    ['SIGQUIT', 10_000],
    ['SIGKILL', 10_000],
  ]
  for (const [signal, timeoutMs] of steps) {
    if (await gone()) return
    sendSignal(pid, signal)
    if (await waitUntil(gone, timeoutMs)) return
  }
  throw new Error(`PostgreSQL (process ${pid}) on ${cluster.dir} does not end`)
}
