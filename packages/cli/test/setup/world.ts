import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import type { Ran, RunningServer, RunOptions } from './processes.ts'
import { keepsake, startServer } from './processes.ts'

/** A server with one user, her key, and an empty directory to work in. */
export interface World {
  server: RunningServer
  key: string
  /** Makes a new empty directory. */
  directory(): Promise<string>
  /** Runs the command as her, against the server. */
  run(args: readonly string[], options: RunOptions): Promise<Ran>
  end(): Promise<void>
}

export const email = 'ada@example.com'

/** `settings`: of the server, beside those of every test. */
export async function createWorld(settings: Record<string, string> = {}): Promise<World> {
  const base = await mkdtemp(join(tmpdir(), 'keepsake-cli-'))
  await mkdir(join(base, 'data'))
  const server = await startServer(join(base, 'data'), settings)
  const local = { cwd: base, env: { DATA_DIR: server.dataDir } }
  await keepsake(['users', 'create', email], local)
  const made = await keepsake(['keys', 'create', '--user', email, '--name', 'test'], local)
  const key = made.stdout.trim()
  if (key === '') throw new Error(`No key was made: ${made.stderr}`)
  return {
    server,
    key,
    directory: () => mkdtemp(join(base, 'work-')),
    run: (args, options) =>
      keepsake(args, { ...options, env: { KEEPSAKE_ENDPOINT: server.endpoint, KEEPSAKE_KEY: key, ...options.env } }),
    async end() {
      await server.stop()
      await rm(base, { recursive: true, force: true })
    },
  }
}

/** Every file below a directory with its bytes, by path. */
export async function readTree(directory: string): Promise<Map<string, string>> {
  const files = new Map<string, string>()
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isFile()) files.set(relative(directory, path), (await readFile(path)).toString('base64'))
    else files.set(`${relative(directory, path)}/`, '')
  }
  return files
}
