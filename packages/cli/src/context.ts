import type { Progress } from '@keepsake/terminal/progress.ts'
import { describeFileError } from './failure.ts'

/** What every command is given. */
export interface Context {
  env: NodeJS.ProcessEnv
  /** Aborted by Ctrl-C and SIGTERM. */
  signal: AbortSignal
  /** On standard error. */
  progress: Progress
}

/** Results go to standard output, and nothing else does. */
export function print(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(`${text}\n`, (error) => (error ? reject(describeFileError(error, 'standard output')) : resolve()))
  })
}

export function printJson(value: unknown): Promise<void> {
  return print(JSON.stringify(value, null, 2))
}
