import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:os'
import { nodeFlags, serverFile } from './server-process.ts'

/** Commands that work on the database itself. They are the server's: it is started for them as a process of its own. */
export const operatorVerbs = [
  'users',
  'keys',
  'index',
  'pins',
  'announcements',
  'pieces',
  'aggregates',
  'providers',
  'deals',
  'wallet',
  'devnet',
] as const

/** Runs one with the terminal it was called from, and gives back its exit code. */
export async function runOperator(args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [...nodeFlags, serverFile('operator'), ...args], { stdio: 'inherit' })
  // The terminal interrupts both; the operator command ends in order, and this one waits for it.
  const forward = (signal: NodeJS.Signals) => void child.kill(signal)
  const ignore = () => {}
  process.on('SIGINT', ignore).on('SIGTERM', forward)
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
  process.off('SIGINT', ignore).off('SIGTERM', forward)
  return signal ? 128 + constants.signals[signal] : (code ?? 1)
}

/** The e-mail addresses of the users of this machine's server; undefined when they cannot be had. */
export async function findLocalUsers(): Promise<string[] | undefined> {
  const child = spawn(process.execPath, [...nodeFlags, serverFile('operator'), 'users', 'list', '--json'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const chunks: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) return undefined
  const users = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { email: string | null }[]
  return users.flatMap(({ email }) => (email ? [email] : []))
}
