import type { Nft } from '@keepsake/api/nft.ts'
import { listUploads } from '@keepsake/client/uploads.ts'
import { formatBytes } from '@keepsake/terminal/sizes.ts'
import type { Column } from '@keepsake/terminal/table.ts'
import { formatTable } from '@keepsake/terminal/table.ts'
import type { Command } from 'commander'
import { InvalidArgumentError } from 'commander'
import { withConnection } from '../connect.ts'
import type { Context } from '../context.ts'
import { print } from '../context.ts'
import type { ServerOptions } from '../settings.ts'
import { withServerOptions } from '../settings.ts'

interface Options extends ServerOptions {
  name?: string
  limit: number
  all?: boolean
  json?: boolean
}

const columns: Column[] = [
  { title: 'CID' },
  { title: 'Name', flexible: true },
  { title: 'Size', align: 'right' },
  { title: 'Status' },
  { title: 'Stored' },
]
const largestPage = 1000

function rowOf({ cid, name, size, pin, created }: Nft, isTable: boolean): string[] {
  if (!isTable) return [cid, name, String(size), pin.status, created]
  return [cid, name, size === 0 ? '?' : formatBytes(size), pin.status, created.slice(0, 16).replace('T', ' ')]
}

/** Shows a page as soon as it is there: a million uploads are not held in memory to be counted. */
function shower({ json }: Options) {
  let shown = 0
  return {
    get count() {
      return shown
    },
    async page(uploads: readonly Nft[]): Promise<void> {
      if (json) for (const upload of uploads) await print(`${shown++ === 0 ? '[' : ','}\n${JSON.stringify(upload)}`.trim())
      else {
        const isTable = process.stdout.isTTY === true
        const lines = formatTable(
          columns,
          uploads.map((upload) => rowOf(upload, isTable)),
          process.stdout,
        )
        for (const line of isTable && shown > 0 ? lines.slice(1) : lines) await print(line)
        shown += uploads.length
      }
    },
    async end(total: number): Promise<void> {
      if (json) await print(shown === 0 ? '[]' : ']')
      else if (total === 0 && process.stderr.isTTY) process.stderr.write('Nothing is stored yet.\n')
      else if (total > shown && process.stderr.isTTY) process.stderr.write(`${total - shown} more; --all shows them.\n`)
    },
  }
}

async function list(context: Context, options: Options): Promise<void> {
  await withConnection(context, options, { key: true }, async (connection) => {
    const limit = options.all ? Number.POSITIVE_INFINITY : options.limit
    const show = shower(options)
    let total = 0
    for await (const { uploads, count } of listUploads(connection, {
      ...context,
      name: options.name,
      pageSize: Math.min(limit, largestPage),
    })) {
      total = count
      await show.page(uploads.slice(0, limit - show.count))
      if (show.count >= limit) break
    }
    await show.end(total)
  })
}

function parseLimit(text: string): number {
  const limit = Number(text)
  if (!/^\d+$/.test(text) || limit < 1) throw new InvalidArgumentError('Expected a whole number from 1 on.')
  return limit
}

export function addList(program: Command, context: Context): void {
  withServerOptions(program.command('list'))
    .description('list your uploads, newest first')
    .option('--name <text>', 'only those whose name contains this')
    .option('--limit <n>', 'at most so many', parseLimit, 20)
    .option('--all', 'all of them')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
In a terminal this is a table; elsewhere each line is an upload: CID, name, size in bytes, status and time, with tabs between them.

Examples:
  $ keepsake list --name cat
  $ keepsake list --all | cut -f1`,
    )
    .action((options: Options) => list(context, options))
}
