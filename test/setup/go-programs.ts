import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { link, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { isAlive } from './processes.ts'

const run = promisify(execFile)

/** Programs that others wrote in Go, which tests run against: their package, and the module and version it comes from. */
const programs = {
  kubo: { module: 'github.com/ipfs/kubo', version: 'v0.43.0', command: 'cmd/ipfs' },
  'ipfs-cluster-service': {
    module: 'github.com/ipfs-cluster/ipfs-cluster',
    version: 'v1.1.6',
    command: 'cmd/ipfs-cluster-service',
  },
  'stream-commp': {
    module: 'github.com/filecoin-project/go-fil-commp-hashhash',
    version: 'latest',
    command: 'cmd/stream-commp',
  },
  'gateway-conformance': {
    module: 'github.com/ipfs/gateway-conformance',
    version: 'v0.13.2',
    command: 'cmd/gateway-conformance',
  },
} as const

export type GoProgram = keyof typeof programs

/** A build from nothing downloads and compiles hundreds of packages. */
const buildTimeoutMs = 30 * 60_000
/** Between two looks at whether somebody else has built it. */
const lookMs = 500

function cacheFolder(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'keepsake/go')
}

const whereItsBuilt = process.platform === 'win32' ? 'program.exe' : 'program'

/** Where the program is, once it is built. */
function pathOf({ module, version, command }: (typeof programs)[GoProgram]): string {
  return join(cacheFolder(), `${module}@${version}`, command, whereItsBuilt)
}

async function hasGo(): Promise<boolean> {
  return await run('go', ['version']).then(
    () => true,
    () => false,
  )
}

/**
 * Gives the path of a program, which is built the first time anybody asks on this machine. Where that is not possible, one line says so and
 * there is none: the tests that need it are to be skipped.
 */
export async function goProgram(name: GoProgram): Promise<string | undefined> {
  const program = programs[name]
  const path = pathOf(program)
  if (existsSync(path)) return path
  if (!(await hasGo())) {
    process.stdout.write(`skipped: tests with ${name} need Go (https://go.dev/dl)\n`)
    return undefined
  }
  try {
    await using lock = await lockBuild(path)
    if (lock) await build(program, path)
    return path
  } catch (error) {
    const { stderr = '', message } = error as Error & { stderr?: string }
    const reason = stderr.trim().split('\n').at(-1) || message
    process.stdout.write(`skipped: tests with ${name}, which could not be built (${reason})\n`)
    return undefined
  }
}

/** Two that build the same take twice as long, and each minutes. Undefined where somebody else has built it meanwhile. */
async function lockBuild(path: string): Promise<AsyncDisposable | undefined> {
  const lock = `${path}.lock`
  const draft = `${lock}.${randomUUID()}`
  await mkdir(dirname(path), { recursive: true })
  await writeFile(draft, String(process.pid))
  try {
    while (!existsSync(path)) {
      try {
        // Unlike opening, it is there with its content or not at all.
        await link(draft, lock)
        return { [Symbol.asyncDispose]: () => rm(lock, { force: true }) }
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      }
      const holder = Number(await readFile(lock, 'utf8').catch(() => process.pid))
      if (isAlive(holder)) await sleep(lookMs)
      else await rm(lock, { force: true })
    }
    return undefined
  } finally {
    await rm(draft, { force: true })
  }
}

/** Not `go install`: that refuses modules which exclude or replace others, as most of these do. */
async function build({ module, version, command }: (typeof programs)[GoProgram], path: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'keepsake-go-'))
  const options = { cwd: folder, timeout: buildTimeoutMs, maxBuffer: 64 * 1024 * 1024 }
  try {
    await run('go', ['mod', 'init', 'keepsake.test/program'], options)
    await run('go', ['get', `${module}/${command}@${version}`], options)
    // It gets its name when it is whole.
    const draft = `${path}.${randomUUID()}`
    await run('go', ['build', '-o', draft, `${module}/${command}`], options)
    await rename(draft, path)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
