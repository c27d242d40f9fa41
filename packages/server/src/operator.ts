import { CommanderError } from 'commander'
import { ConfigError } from './config.ts'
import { KeepsakeError } from './errors.ts'
import { OperatorError, UsageError } from './operator/failure.ts'
import { createProgram } from './operator/program.ts'

// The commands that work on the database itself, `keepsake users`, `keys`, `index` and so on: a process of its own beside a server or
// without one, configured by the same environment.

const interrupted = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  // More than one may come, from the terminal and from who started this.
  process.on(signal, () => interrupted.abort(new Error('Interrupted.')))
}

function exitCodeOf(error: unknown): number {
  // What is wrong with the arguments has been said already, or the help that was asked for shown.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  if (interrupted.signal.aborted) return 130
  const isForPerson = error instanceof ConfigError || error instanceof KeepsakeError || error instanceof OperatorError
  const message = error instanceof Error ? error.message : String(error)
  process.stderr.write(
    `keepsake: ${isForPerson ? message : `Something unexpected happened: ${message} (--verbose shows where)`}\n`,
  )
  if (process.argv.includes('--verbose')) process.stderr.write(`${error instanceof Error ? error.stack : ''}\n`)
  return error instanceof UsageError ? 2 : 1
}

process.stdout.on('error', () => {})
try {
  await createProgram({ env: process.env, signal: interrupted.signal }).parseAsync()
} catch (error) {
  process.exitCode = exitCodeOf(error)
}
