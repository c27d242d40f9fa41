import { readFile } from 'node:fs/promises'
import { normalEndpoint } from '@keepsake/client/connection.ts'
import type { Command } from 'commander'
import { readLogin } from './config-file.ts'
import { CommandError, describeFileError } from './failure.ts'

export interface ServerOptions {
  endpoint?: string
  keyFile?: string
}

/** The options of every command that speaks to a server. */
export function withServerOptions(command: Command): Command {
  return command
    .option('--endpoint <url>', 'server to use (default: KEEPSAKE_ENDPOINT, what you logged in to, this machine)')
    .option('--key-file <file>', 'file with the API key (default: KEEPSAKE_KEY, what you logged in with)')
}

/** Where to send requests; `isDefault` when nobody said. */
export interface Endpoint {
  url: string
  isDefault: boolean
}

/** Said, else the environment, else what was stored, else this machine. */
export async function resolveEndpoint(options: ServerOptions, env: NodeJS.ProcessEnv): Promise<Endpoint> {
  const said = options.endpoint || env.KEEPSAKE_ENDPOINT || (await readLogin(env))?.endpoint
  if (said) return { url: normalEndpoint(said), isDefault: false }
  return { url: `http://localhost:${env.PORT || 8787}`, isDefault: true }
}

function checked(key: string, from: string): string {
  const trimmed = key.trim()
  if (trimmed === '') throw new CommandError(`${from} holds no key.`)
  if (!/^[\x21-\x7e]+$/.test(trimmed)) throw new CommandError(`${from} holds something that is not a key.`)
  return trimmed
}

/** The key for a server: from a file, the environment, or what was stored for that very server and no other. */
export async function findKey(options: ServerOptions, env: NodeJS.ProcessEnv, endpoint: Endpoint): Promise<string | undefined> {
  if (options.keyFile) return await readKeyFile(options.keyFile)
  if (env.KEEPSAKE_KEY) return checked(env.KEEPSAKE_KEY, 'KEEPSAKE_KEY')
  const login = await readLogin(env)
  if (!login) return undefined
  const isForThis = login.endpoint === undefined ? endpoint.isDefault : normalEndpoint(login.endpoint) === endpoint.url
  return isForThis ? login.key : undefined
}

export async function readKeyFile(path: string): Promise<string> {
  try {
    return checked(await readFile(path, 'utf8'), path)
  } catch (error) {
    throw describeFileError(error, path)
  }
}
