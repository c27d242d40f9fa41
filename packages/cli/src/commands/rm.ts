import { isClientError } from '@keepsake/client/errors.ts'
import { deleteUpload } from '@keepsake/client/uploads.ts'
import { confirm } from '@keepsake/terminal/ask.ts'
import type { Command } from 'commander'
import { parseCid } from '../cid-argument.ts'
import { withConnection } from '../connect.ts'
import type { Context } from '../context.ts'
import { print } from '../context.ts'
import { CommandError, UsageError } from '../failure.ts'
import type { ServerOptions } from '../settings.ts'
import { withServerOptions } from '../settings.ts'

interface Options extends ServerOptions {
  yes?: boolean
}

async function remove(context: Context, cids: readonly string[], options: Options): Promise<void> {
  for (const cid of cids) parseCid(cid)
  if (!options.yes) {
    if (!process.stdin.isTTY) throw new UsageError('Nobody is there to be asked; say --yes to remove without asking.')
    const what = cids.length === 1 ? cids[0] : `${cids.length} uploads`
    if (!(await confirm(`Remove ${what} from your uploads?`, context.signal))) throw new CommandError('Nothing was removed.')
  }
  await withConnection(context, options, { key: true }, async (connection) => {
    const failed: string[] = []
    for (const cid of cids) {
      try {
        await deleteUpload(connection, cid, context)
        await print(cid)
      } catch (error) {
        if (!isClientError(error, 'REFUSED') || error.status !== 404) throw error
        failed.push(cid)
      }
    }
    if (failed.length > 0) throw new CommandError(`Not among your uploads: ${failed.join(', ')}.`)
  })
}

export function addRm(program: Command, context: Context): void {
  withServerOptions(program.command('rm'))
    .description('remove uploads from your list')
    .argument('<cid...>', 'what to remove')
    .option('--yes', 'do not ask')
    .addHelpText(
      'after',
      `
What you remove stays for whoever else stored it, and on this server for some time: its operator says how long.

Example:
  $ keepsake rm bafy... --yes`,
    )
    .action((cids: string[], options: Options) => remove(context, cids, options))
}
