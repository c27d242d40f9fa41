import type { Nft } from '@keepsake/api/nft.ts'
import { getUpload } from '@keepsake/client/uploads.ts'
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

function describe(upload: Nft): string {
  const deals = upload.deals.map(({ status, miner, chainDealID }) => [status, miner, chainDealID].filter(Boolean).join(' '))
  return formatFields([
    ['CID', upload.cid],
    ['Name', upload.name],
    ['Type', upload.type],
    ...describePin(upload.pin),
    [
      'Stored',
      `${upload.created} with key "${upload.scope}", in ${upload.parts.length} ${upload.parts.length === 1 ? 'part' : 'parts'}`,
    ],
    ['Deals', deals.length === 0 ? 'none' : deals.join(', ')],
  ])
}

async function status(context: Context, cid: string, options: Options): Promise<void> {
  parseCid(cid)
  const upload = await withConnection(context, options, { key: true }, (connection) => getUpload(connection, cid, context))
  await (options.json ? printJson(upload) : print(describe(upload)))
}

export function addStatus(program: Command, context: Context): void {
  withServerOptions(program.command('status'))
    .description('show where one of your uploads stands')
    .argument('<cid>', 'what you stored')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExamples:\n  $ keepsake status bafy...\n  $ keepsake status bafy... --json | jq -r .pin.status')
    .action((cid: string, options: Options) => status(context, cid, options))
}
