import { checkKey } from '@keepsake/client/uploads.ts'
import { askSecret } from '@keepsake/terminal/ask.ts'
import type { Command } from 'commander'
import { writeLogin } from '../config-file.ts'
import { withEndpoint } from '../connect.ts'
import type { Context } from '../context.ts'
import { CommandError } from '../failure.ts'
import type { ServerOptions } from '../settings.ts'
import { readKeyFile, resolveEndpoint, withServerOptions } from '../settings.ts'

async function login(context: Context, options: ServerOptions): Promise<void> {
  const { env, signal } = context
  const endpoint = await resolveEndpoint(options, env)
  const given = options.keyFile
    ? await readKeyFile(options.keyFile)
    : (env.KEEPSAKE_KEY ?? (await askSecret(`API key for ${endpoint.url}: `)))
  const key = given?.trim()
  if (!key) throw new CommandError('No key was given; nothing was stored.')
  await withEndpoint(context, endpoint, (url) => checkKey({ endpoint: url, key }, { signal }))
  const path = await writeLogin(env, { ...(endpoint.isDefault ? {} : { endpoint: endpoint.url }), key })
  process.stderr.write(`Logged in to ${endpoint.isDefault ? 'the server of this machine' : endpoint.url}; kept in ${path}.\n`)
}

export function addLogin(program: Command, context: Context): void {
  withServerOptions(program.command('login'))
    .description('check a key and keep it, with its server, for later commands')
    .addHelpText(
      'after',
      `
The key is read from --key-file, from KEEPSAKE_KEY, or from standard input: typed without being shown, or piped in. It is kept in
$XDG_CONFIG_HOME/keepsake/config.json, which only you can read, and sent to no other server.

Examples:
  $ keepsake login
  $ keepsake login --endpoint https://keepsake.example.org --key-file keepsake.key`,
    )
    .action((options: ServerOptions) => login(context, options))
}
