import { readFileSync } from 'node:fs'
import { getVersion } from '@keepsake/client/uploads.ts'
import type { Command } from 'commander'
import type { Context } from '../context.ts'
import { print, printJson } from '../context.ts'
import type { ServerOptions } from '../settings.ts'
import { resolveEndpoint, withServerOptions } from '../settings.ts'

export function ownVersion(): string {
  return (JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }).version
}

interface Options extends ServerOptions {
  json?: boolean
}

async function version({ env, signal }: Context, options: Options): Promise<void> {
  const endpoint = await resolveEndpoint(options, env)
  const quick = AbortSignal.any([signal, AbortSignal.timeout(3000)])
  const server = await getVersion({ endpoint: endpoint.url, maxAttempts: 1 }, { signal: quick }).catch(() => undefined)
  signal.throwIfAborted()
  if (options.json)
    return await printJson({ version: ownVersion(), node: process.version, endpoint: endpoint.url, server: server ?? null })
  await print(`keepsake ${ownVersion()} (Node.js ${process.version})`)
  await print(
    server
      ? `server   ${server.version} ${server.commit.slice(0, 12)} at ${endpoint.url}`
      : `server   none answers at ${endpoint.url}`,
  )
}

export function addVersion(program: Command, context: Context): void {
  withServerOptions(program.command('version'))
    .description('print the versions of this command and of the server')
    .option('--json', 'print JSON')
    .action((options: Options) => version(context, options))
}
