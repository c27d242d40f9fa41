import { progressOn } from '@keepsake/terminal/progress.ts'
import { plain } from '@keepsake/terminal/text.ts'
import { CommanderError } from 'commander'
import type { Context } from './context.ts'
import { exitCodes, IncompleteError, messageOf, UsageError } from './failure.ts'
import { operatorVerbs, runOperator } from './operator.ts'
import { createProgram } from './program.ts'

/** How long an interrupted command may take to clean up. */
const cleanUpMs = 60_000

function interruption(): AbortSignal {
  const interrupted = new AbortController()
  // More than one may come: from the terminal, from npx, and from whoever starts this.
  const onSignal = () => {
    interrupted.abort(new Error('Interrupted.'))
    setTimeout(() => process.exit(exitCodes.interrupted), cleanUpMs).unref()
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal)
  return interrupted.signal
}

/** The arguments of a command that is the server's, undefined for all others. */
function operatorArgs(args: readonly string[]): string[] | undefined {
  const [first, ...rest] = args
  if (first === '--verbose') return operatorArgs(rest)?.concat('--verbose')
  const isOperator = (verb: string | undefined) => operatorVerbs.some((known) => known === verb)
  if (first === 'help' && isOperator(rest[0])) return [...rest, '--help']
  return isOperator(first) ? [...args] : undefined
}

async function run(args: readonly string[]): Promise<number> {
  const forOperator = operatorArgs(args)
  if (forOperator) return await runOperator(forOperator)
  const context: Context = { env: process.env, signal: interruption(), progress: progressOn(process.stderr) }
  try {
    const program = createProgram(context)
    if (args.length === 0) program.outputHelp()
    else await program.parseAsync(args, { from: 'user' })
    return exitCodes.ok
  } catch (error) {
    context.progress.end()
    // Commander has said already what is wrong, or shown the help that was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
    if (context.signal.aborted) return exitCodes.interrupted
    // Whoever reads the output has read enough.
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') return exitCodes.ok
    process.stderr.write(`keepsake: ${messageOf(error).split('\n').map(plain).join('\n')}\n`)
    if (args.includes('--verbose') && error instanceof Error) process.stderr.write(`${stackOf(error)}\n`)
    if (error instanceof IncompleteError) return exitCodes.incomplete
    return error instanceof UsageError ? exitCodes.usage : exitCodes.failed
  } finally {
    context.progress.end()
  }
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause === undefined ? String(error.stack) : `${error.stack}\nCaused by: ${stackOf(error.cause)}`
}

process.stdout.on('error', () => {})
process.exit(await run(process.argv.slice(2)))
