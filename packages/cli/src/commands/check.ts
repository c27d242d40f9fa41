import { checkCid } from '@keepsake/client/uploads.ts'
import type { Command } from 'commander'
import { parseCid } from '../cid-argument.ts'
import { withConnection } from '../connect.ts'
import type { Context } from '../context.ts'
import { print, printJson } from '../context.ts'
import type { ServerOptions } from '../settings.ts'
import { withServerOptions } from '../settings.ts'
import { describePin, formatFields } from '../show-upload.ts'

interface Options extends ServerOptions {
  json?: boolean
}

async function check(context: Context, cid: string, options: Options): Promise<void> {
  parseCid(cid)
  const found = await withConnection(context, options, { key: false }, (connection) => checkCid(connection, cid, context))
  if (options.json) await printJson(found)
  else await print(formatFields([['CID', found.cid], ...describePin(found.pin), ['Deals', String(found.deals.length)]]))
}

export function addCheck(program: Command, context: Context): void {
  withServerOptions(program.command('check'))
    .description('tell whether anybody stored a CID there (needs no key)')
    .argument('<cid>', 'what to look for')
    .option('--json', 'print JSON')
    .action((cid: string, options: Options) => check(context, cid, options))
}
