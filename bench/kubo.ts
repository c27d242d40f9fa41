import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** The same work done by Kubo, offline, in a repository of its own; undefined where `ipfs` is not installed. */
export async function kuboAdd(path: string, folder: string, recursive = false): Promise<{ seconds: number } | undefined> {
  const env = { ...process.env, IPFS_PATH: join(folder, 'kubo') }
  try {
    await run('ipfs', ['version'], { env })
  } catch {
    return undefined
  }
  await run('ipfs', ['init', '--empty-repo'], { env }).catch(() => {})
  const startedAt = performance.now()
  const options = ['--cid-version=1', '--raw-leaves', '--chunker=size-262144', '-Q']
  await run('ipfs', ['add', ...options, ...(recursive ? ['-r'] : []), path], { env, maxBuffer: 64 * 1024 * 1024 })
  return { seconds: (performance.now() - startedAt) / 1000 }
}
