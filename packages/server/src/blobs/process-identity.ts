import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

/**
 * Names a running process so that another one, now or after a crash, can tell whether it still runs.
 * `scope` says where `pid` means something: one boot of one kernel and one process namespace (containers have their own).
 */
export interface ProcessIdentity {
  scope: string
  pid: number
  /** When the process began, in the kernel's own unit; empty where the system does not tell. Makes a reused pid visible. */
  started: string
}

function attempt<T>(f: () => T): T | undefined {
  try {
    return f()
  } catch {
    return undefined
  }
}

/** Field 22 of `/proc/<pid>/stat`, counted after the last `)` because the program name before it may hold anything. */
function startOf(pid: number): string | undefined {
  const stat = attempt(() => readFileSync(`/proc/${pid}/stat`, 'latin1'))
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
}

const onlyNameCharacters = (text: string) => text.toLowerCase().replaceAll(/[^a-z0-9]/g, '')

export function ownIdentity(): ProcessIdentity {
  const boot = attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1')) ?? ''
  const namespace = attempt(() => readlinkSync('/proc/self/ns/pid')) ?? ''
  const scope = onlyNameCharacters(boot + namespace) || `host${onlyNameCharacters(hostname())}`
  return { scope, pid: process.pid, started: startOf(process.pid) ?? '' }
}

export function formatIdentity({ scope, pid, started }: ProcessIdentity): string {
  return `${scope}-${pid}-${started}`
}

export function parseIdentity(text: string): ProcessIdentity | undefined {
  const match = /^([a-z0-9]+)-([0-9]+)-([0-9]*)(?:-|$)/.exec(text)
  return match ? { scope: match[1]!, pid: Number(match[2]), started: match[3]! } : undefined
}

/** `unknown` where the process lives on another machine or in another container, or the system keeps no start times. */
export function livenessOf(other: ProcessIdentity, own: ProcessIdentity): 'alive' | 'dead' | 'unknown' {
  if (other.scope !== own.scope) return 'unknown'
  if (other.started !== '') return startOf(other.pid) === other.started ? 'alive' : 'dead'
  try {
    process.kill(other.pid, 0)
    return 'unknown'
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH' ? 'dead' : 'unknown'
  }
}
