import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { promisify } from 'node:util'

export type Scope = 'all' | 'upload' | 'read' | 'pins'

export interface KeyRequest {
  /** E-mail address of a user that exists; a new one is created when absent. */
  user?: string
  name?: string
  scope?: Scope
  expires?: Date
}

/** Accounts and keys of a server, made the way its operator makes them. */
export interface Accounts {
  /** Creates a user and gives the e-mail address. */
  createUser(email?: string): Promise<string>
  /** Creates a key and gives its secret. */
  createKey(request?: KeyRequest): Promise<string>
}

const command = join(import.meta.dirname, '../../packages/cli/bin/keepsake.mjs')

/** Runs the `keepsake` command and gives what it printed. */
async function keepsake(args: string[], env: Record<string, string>): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [command, ...args], { env, timeout: 60_000 })
  return stdout
}

function keyIn(text: string): string {
  const key = /eyJ[\w-]+\.[\w-]+\.[\w-]+/.exec(text)?.[0]
  if (!key) throw new Error(`There is no key in ${JSON.stringify(text)}.`)
  return key
}

/** `env`: what the server was started with, so that the command finds the same data. */
export function accountsOf({ apiUrl, env }: { apiUrl: string; env: Record<string, string> }): Accounts {
  /** Of each user made here: a key with scope `all`. The command takes a second, a request some milliseconds. */
  const masters = new Map<string, Promise<string>>()
  const createUser = async (email = `${randomUUID()}@example.com`) => {
    await keepsake(['users', 'create', email], env)
    return email
  }
  const masterOf = (user: string) => {
    let master = masters.get(user)
    if (!master) {
      master = keepsake(['keys', 'create', '--user', user, '--name', `master-${randomUUID()}`], env).then(keyIn)
      masters.set(user, master)
    }
    return master
  }
  return {
    createUser,
    createKey: async ({ user, ...request } = {}) =>
      await createKeyOver(apiUrl, await masterOf(user ?? (await createUser())), request),
  }
}

/** Creates a key with another one over HTTP. */
export async function createKeyOver(
  apiUrl: string,
  master: string,
  { name, scope, expires }: Omit<KeyRequest, 'user'>,
): Promise<string> {
  const response = await fetch(`${apiUrl}/internal/tokens`, {
    method: 'POST',
    headers: { authorization: `Bearer ${master}` },
    body: JSON.stringify({
      name: name ?? `key-${randomUUID()}`,
      ...(scope && { scope }),
      ...(expires && { expires: expires.toISOString() }),
    }),
  })
  const body = (await response.json()) as { value?: { secret: string } }
  if (!body.value) throw new Error(`No key was created: ${response.status} ${JSON.stringify(body)}`)
  return body.value.secret
}
