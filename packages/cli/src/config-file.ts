import { randomBytes } from 'node:crypto'
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { CommandError, describeFileError } from './failure.ts'

/** What `keepsake login` remembers. */
export interface StoredLogin {
  /** Absent: the server of this machine. */
  endpoint?: string
  key: string
}

/** XDG Base Directory Specification. */
function configPath(env: NodeJS.ProcessEnv): string {
  const base = env.XDG_CONFIG_HOME?.startsWith('/') ? env.XDG_CONFIG_HOME : join(homedir(), '.config')
  return join(base, 'keepsake', 'config.json')
}

export async function readLogin(env: NodeJS.ProcessEnv): Promise<StoredLogin | undefined> {
  const path = configPath(env)
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw describeFileError(error, path)
  }
  try {
    const { endpoint, key } = JSON.parse(text) as Record<string, unknown>
    if (typeof key === 'string') return { key, ...(typeof endpoint === 'string' && { endpoint }) }
  } catch {
    // Said below, as for JSON that is something else.
  }
  throw new CommandError(`${path} is not what \`keepsake login\` writes; remove it and log in again.`)
}

/** Only its owner may read it, from the first byte on. */
export async function writeLogin(env: NodeJS.ProcessEnv, login: StoredLogin): Promise<string> {
  const path = configPath(env)
  const draft = `${path}.${randomBytes(4).toString('hex')}`
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    const file = await open(draft, 'wx', 0o600)
    try {
      await file.writeFile(`${JSON.stringify(login, null, 2)}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(draft, path)
    return path
  } catch (error) {
    await rm(draft, { force: true })
    throw describeFileError(error, path)
  }
}
