import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Process id of the embedded PostgreSQL of a data directory (first line of `postmaster.pid`). */
export async function postmasterPid(dataDir: string): Promise<number> {
  const pid = Number((await readFile(join(dataDir, 'postgres/postmaster.pid'), 'utf8')).split('\n')[0])
  if (!(pid > 1)) throw new Error(`There is no process id in the pid file of ${dataDir}.`)
  return pid
}

/** It and the processes it started, where the system tells; elsewhere it alone, whose children then end by themselves. */
export async function postgresPids(dataDir: string): Promise<number[]> {
  const pid = await postmasterPid(dataDir)
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
  return [pid, ...children.split(' ').filter(Boolean).map(Number)]
}

export function killAll(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}
