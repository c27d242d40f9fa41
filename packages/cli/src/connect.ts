import type { Connection } from '@keepsake/client/connection.ts'
import { isClientError } from '@keepsake/client/errors.ts'
import { getVersion } from '@keepsake/client/uploads.ts'
import type { Context } from './context.ts'
import { CommandError } from './failure.ts'
import { findLocalUsers } from './operator.ts'
import { dataDirOf, hasLocalData, startLocalServer } from './server-process.ts'
import type { Endpoint, ServerOptions } from './settings.ts'
import { findKey, resolveEndpoint } from './settings.ts'

interface Needs {
  /** Refuse at once where there is no key; otherwise one is sent where there is one. */
  key: boolean
}

/**
 * Calls `use` with a connection to the server that was named; where none was, to the one of this machine, which is started for the
 * time of the command when it does not run.
 */
export async function withConnection<T>(
  context: Context,
  options: ServerOptions,
  needs: Needs,
  use: (connection: Connection) => Promise<T>,
): Promise<T> {
  const { env, signal } = context
  const endpoint = await resolveEndpoint(options, env)
  const key = await findKey(options, env, endpoint)
  if (needs.key && key === undefined) throw await noKey(context, endpoint)
  return await withEndpoint(context, endpoint, (url) => {
    const onRetry = ({ reason, waitMs }: { reason: string; waitMs: number }) =>
      context.progress.note(`${reason} Trying again in ${Math.ceil(waitMs / 1000)} s.`)
    signal.throwIfAborted()
    return use({ endpoint: url, key, onRetry })
  })
}

/** Calls `use` with the address of a server that answers. */
export async function withEndpoint<T>(context: Context, endpoint: Endpoint, use: (url: string) => Promise<T>): Promise<T> {
  const { env, signal } = context
  if (!endpoint.isDefault || (await answers(endpoint.url, signal))) return await use(endpoint.url)
  if (!hasLocalData(env)) {
    throw new CommandError(
      `No server answers at ${endpoint.url}, and ${dataDirOf(env)} holds no Keepsake data. Start one with \`npm start\`, or name one with --endpoint or KEEPSAKE_ENDPOINT.`,
    )
  }
  context.progress.begin('Starting the server', undefined)
  await using server = await startLocalServer(env, signal)
  context.progress.end()
  return await use(server.endpoint)
}

async function answers(url: string, signal: AbortSignal): Promise<boolean> {
  try {
    await getVersion({ endpoint: url, maxAttempts: 1 }, { signal: AbortSignal.any([signal, AbortSignal.timeout(5000)]) })
    return true
  } catch (error) {
    signal.throwIfAborted()
    if (isClientError(error, 'UNREACHABLE')) return false
    if (isClientError(error))
      throw new CommandError(`Something else than Keepsake answers at ${url}; name the server with --endpoint.`)
    throw new CommandError(`${url} does not answer in time; name the server with --endpoint.`, { cause: error })
  }
}

/** Says which commands to run, with the very address to put in where it is known. */
async function noKey({ env }: Context, { url, isDefault }: Endpoint): Promise<CommandError> {
  const wants = `This needs an API key`
  if (!isDefault)
    return new CommandError(
      `${wants} of ${url}. Give one with --key-file or KEEPSAKE_KEY, or run: npx keepsake login --endpoint ${url}`,
    )
  const users = hasLocalData(env) ? await findLocalUsers() : undefined
  if (!users) return new CommandError(`${wants}. Give one with --key-file or KEEPSAKE_KEY, or run: npx keepsake login`)
  const steps = users.length === 0 ? ['npx keepsake users create you@example.com'] : []
  const email = users.length === 1 ? users[0] : users.length === 0 ? 'you@example.com' : 'EMAIL'
  steps.push(
    `npx keepsake keys create --user ${email} --name command-line > keepsake.key`,
    'npx keepsake login --key-file keepsake.key',
  )
  return new CommandError(
    `${wants}, and there is none yet. Make one and log in with:\n\n${steps.map((step) => `  ${step}`).join('\n')}\n`,
  )
}
