import pino from 'pino'
import { parseConfig } from '../config.ts'
import type { Service } from '../service.ts'
import { openService } from '../service.ts'

/** What every operator command is given. */
export interface Context {
  env: NodeJS.ProcessEnv
  /** Aborted by Ctrl-C and SIGTERM. */
  signal: AbortSignal
}

/** Opens the service beside a running server, or without one, for as long as `use` takes. */
export async function withService<T>({ env }: Context, use: (service: Service) => Promise<T>): Promise<T> {
  const log = pino({ level: 'warn' }, pino.destination(2))
  await using service = await openService({ config: parseConfig(env), log, mode: 'beside' })
  return await use(service)
}

/** Results go to standard output, and nothing else does. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** What is good to know, and not the result. */
export function tell(text: string): void {
  process.stderr.write(`${text}\n`)
}
