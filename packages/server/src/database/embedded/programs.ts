import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { KeepsakeError } from '../../errors.ts'
import type { Binaries } from './binaries.ts'
import { sendSignal } from './is-alive.ts'
import type { RunAs } from './run-as.ts'

/** PostgreSQL's programs and as whom they run. */
export interface Programs {
  binaries: Binaries
  runAs: RunAs
}

/** The environment of every PostgreSQL program: none of ours, so that PG* variables and locales of the caller change nothing. */
export function programEnv(binaries: Binaries): Record<string, string> {
  const { PATH = '/usr/bin:/bin', SystemRoot } = process.env
  return { PATH, LC_ALL: 'C', TZ: 'UTC', ...(SystemRoot && { SystemRoot }), ...binaries.env }
}

/** The command line, user and environment that run PostgreSQL's `program`. */
export function commandOf(programs: Programs, program: string, args: string[]) {
  const { owner, prefix } = programs.runAs
  const [file = '', ...rest] = [...prefix, join(programs.binaries.binDir, program), ...args]
  const options = { env: programEnv(programs.binaries), cwd: process.platform === 'win32' ? undefined : '/' }
  return { file, args: rest, options: owner && prefix.length === 0 ? { ...options, ...owner } : options }
}

function killGroup(child: ChildProcess): void {
  if (process.platform === 'win32') child.kill('SIGKILL')
  else if (child.pid) sendSignal(-child.pid, 'SIGKILL')
}

/**
 * Runs a PostgreSQL program to its end with `input` on its standard input; throws with what it printed when it fails.
 * When aborted, it and the programs it started are gone before this throws.
 */
export async function runProgram(
  programs: Programs,
  program: string,
  args: string[],
  { input = '', signal }: { input?: string; signal?: AbortSignal | undefined } = {},
): Promise<void> {
  signal?.throwIfAborted()
  const command = commandOf(programs, program, args)
  // A process group of its own: initdb runs others, and all of them have to go together.
  const child = spawn(command.file, command.args, { ...command.options, detached: true, windowsHide: true })
  const kill = () => killGroup(child)
  signal?.addEventListener('abort', kill)
  try {
    let printed = ''
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (printed = `${printed}${chunk}`.slice(-2000)))
    // A program that ends before it has read its input tells why by its exit code.
    child.stdin.on('error', () => undefined)
    child.stdin.end(input)
    const [code] = await once(child, 'close')
    signal?.throwIfAborted()
    if (code !== 0) throw new Error(printed.trim() || `it ended with code ${code}`)
  } catch (error) {
    if (signal?.aborted) throw signal.reason
    throw new KeepsakeError('ERROR_UNAVAILABLE', `PostgreSQL's ${program} failed: ${(error as Error).message}`, { cause: error })
  } finally {
    signal?.removeEventListener('abort', kill)
  }
}
