import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'

/** Whether a process runs. One that has ended and only waits for its parent to notice (a zombie) takes signals, and does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return process.platform !== 'linux' || stateOf(pid) !== 'Z'
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** proc(5): the letter behind the name in parentheses. One that is gone by now is as one that ended. */
function stateOf(pid: number): string | undefined {
  try {
    return /\) (.)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1]
  } catch {
    return 'Z'
  }
}

/** The process that `pid` started; signals to the one that started it would not reach it when they cannot be caught. */
export async function childOf(pid: number): Promise<number> {
  const text =
    process.platform === 'linux'
      ? await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')
      : (await promisify(execFile)('pgrep', ['-P', String(pid)])).stdout
  const child = Number(text.trim().split(/\s+/)[0])
  if (!child) throw new Error(`Process ${pid} has no child.`)
  return child
}

/** Resolves when the process is gone. */
export async function waitForEnd(pid: number, timeoutMs = 20_000): Promise<void> {
  for (const end = Date.now() + timeoutMs; isAlive(pid); await sleep(20)) {
    if (Date.now() > end) throw new Error(`Process ${pid} still runs after ${timeoutMs} ms.`)
  }
}
