import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const installTimeoutMs = 10 * 60_000

/**
 * Gives the folder that holds `node_modules` of a published package which is too large to be a dependency for one test: 500 packages for the
 * suite of the Pinning Service API. It is installed the first time anybody asks on this machine, and none of its scripts is run. Where that is not
 * possible, one line says so and there is none: the tests that need it are to be skipped.
 */
export async function npmProgram(name: string, version: string): Promise<string | undefined> {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache')
  const folder = join(cache, 'keepsake/npm', `${name}@${version}`)
  if (existsSync(folder)) return folder
  // It gets its name when it is whole; whoever installs it at the same time installs the same.
  const draft = `${folder}.${randomUUID()}`
  try {
    await mkdir(draft, { recursive: true })
    await writeFile(join(draft, 'package.json'), JSON.stringify({ private: true, dependencies: { [name]: version } }))
    const options = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
    // What npm tells the scripts it runs, this checkout's settings among it, is not for another folder.
    const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !/^npm_/i.test(key)))
    await promisify(execFile)('npm', options, { cwd: draft, env, timeout: installTimeoutMs })
    await rename(draft, folder)
    return folder
  } catch (error) {
    const reason = (error as Error).message.trim().split('\n')[0]
    process.stdout.write(`skipped: tests with ${name}, which could not be installed (${reason})\n`)
    await rm(draft, { recursive: true, force: true })
    return existsSync(folder) ? folder : undefined
  }
}
