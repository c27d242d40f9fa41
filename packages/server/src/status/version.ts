import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

export interface BuildInfo {
  version: string
  commit: string
  branch: string
}

const git = async (...args: string[]) => {
  try {
    return (await promisify(execFile)('git', args, { cwd: import.meta.dirname, timeout: 2_000 })).stdout.trim()
  } catch {
    return 'unknown'
  }
}

/** Which code this is: the package's version, and the commit where the checkout is one. */
export async function readBuildInfo(): Promise<BuildInfo> {
  const manifest = JSON.parse(await readFile(join(import.meta.dirname, '../../package.json'), 'utf8')) as { version: string }
  const [commit, branch] = await Promise.all([git('rev-parse', 'HEAD'), git('rev-parse', '--abbrev-ref', 'HEAD')])
  return { version: manifest.version, commit, branch }
}
