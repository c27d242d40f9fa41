import { askSecret } from '@keepsake/terminal/ask.ts'
import { formatTable } from '@keepsake/terminal/table.ts'
import type { Command } from 'commander'
import { Option } from 'commander'
import type { Key } from '../accounts/keys.ts'
import { createKey, importKey, listKeys, revokeKey } from '../accounts/keys.ts'
import { getUserByEmail } from '../accounts/users.ts'
import type { KeyScope } from '../database/schema.ts'
import type { Context } from './context.ts'
import { print, tell, withService } from './context.ts'
import { parseExpiry } from './expiry.ts'
import { OperatorError, UsageError } from './failure.ts'
import { dataHelp } from './program-help.ts'

interface NewKeyOptions {
  user: string
  name: string
  scope: KeyScope
  expires?: string
}

const scopes: KeyScope[] = ['all', 'upload', 'read', 'pins']

function inputOf({ name, scope, expires }: NewKeyOptions) {
  return { name, scope, expiresAt: expires === undefined ? undefined : parseExpiry(expires, new Date()) }
}

function describe({ id, name, scope, expiresAt }: Key, user: string): string {
  return `"${name}" (id ${id}) of ${user}, scope ${scope}, ${expiresAt ? `until ${expiresAt.toISOString()}` : 'does not expire'}`
}

async function create(context: Context, options: NewKeyOptions): Promise<void> {
  const input = inputOf(options)
  const key = await withService(context, async (service) =>
    createKey(service, await getUserByEmail(service, options.user), input),
  )
  tell(`Created key ${describe(key, options.user)}:`)
  print(String(key.secret))
}

async function bringIn(context: Context, options: NewKeyOptions): Promise<void> {
  const input = inputOf(options)
  const token = await askSecret(`The key to import for ${options.user}: `)
  if (!token) throw new UsageError('No key came in; nothing was imported.')
  const key = await withService(context, async (service) =>
    importKey(service, await getUserByEmail(service, options.user), { ...input, token }),
  )
  tell(`Imported key ${describe(key, options.user)}. Only its hash is kept.`)
}

/** A date and time in the operator's terminal; a dash for never. */
function shortTime(date: Date | null): string {
  return date ? date.toISOString().slice(0, 16).replace('T', ' ') : '-'
}

async function list(context: Context, { user, json }: { user: string; json?: boolean }): Promise<void> {
  const keys = await withService(context, async (service) => listKeys(service, await getUserByEmail(service, user)))
  // The keys themselves are not shown: a list is something one shows around.
  if (json)
    return print(
      JSON.stringify(
        keys.map(({ secret, ...shown }) => ({ ...shown, isImported: secret === null })),
        null,
        2,
      ),
    )
  if (keys.length === 0) return tell(`${user} has no keys. Create one with: keepsake keys create --user ${user} --name first`)
  const columns = [
    { title: 'Id', align: 'right' as const },
    { title: 'Name', flexible: true },
    { title: 'Scope' },
    { title: 'Origin' },
    { title: 'Created' },
    { title: 'Expires' },
    { title: 'Last used' },
  ]
  const rows = keys.map(({ id, name, scope, secret, createdAt, expiresAt, lastUsedAt }) => [
    String(id),
    name,
    scope,
    secret === null ? 'imported' : 'here',
    shortTime(createdAt),
    shortTime(expiresAt),
    shortTime(lastUsedAt),
  ])
  for (const line of formatTable(columns, rows, process.stdout)) print(line)
}

async function revoke(context: Context, which: string, { user }: { user: string }): Promise<void> {
  await withService(context, async (service) => {
    const owner = await getUserByEmail(service, user)
    const keys = await listKeys(service, owner)
    // A name comes first: a person may well have called a key "2".
    const key = keys.find(({ name }) => name === which) ?? keys.find(({ id }) => String(id) === which)
    if (!key) throw new OperatorError(`${user} has no key "${which}". See: keepsake keys list --user ${user}`)
    await revokeKey(service, owner, key.id)
    tell(`Revoked key ${describe(key, user)}.`)
  })
}

function newKeyOptions(command: Command): Command {
  return command
    .requiredOption('--user <email>', 'whose key it is')
    .requiredOption('--name <name>', 'what the key is called, once per user')
    .addOption(new Option('--scope <scope>', 'what it may do').choices(scopes).default('all'))
    .option('--expires <when>', 'a time from now (30d, 12h, 8w, 1y) or a date (2027-01-01, its beginning in UTC)')
}

export function addKeys(program: Command, context: Context): void {
  const keys = program.command('keys').description('create, import, list and revoke API keys')
  newKeyOptions(keys.command('create'))
    .description('create an API key and print it')
    .addHelpText(
      'after',
      `
The key alone goes to standard output, so it can be kept with \`> keepsake.key\`.
${dataHelp}

Examples:
  $ keepsake keys create --user ada@example.com --name laptop
  $ keepsake keys create --user ada@example.com --name ci --scope upload --expires 90d > keepsake.key`,
    )
    .action((options: NewKeyOptions) => create(context, options))
  newKeyOptions(keys.command('import'))
    .description('make a key that another service issued valid here')
    .addHelpText(
      'after',
      `
The key is read from standard input, typed without being shown or piped in. Only its hash is kept.
${dataHelp}

Example:
  $ keepsake keys import --user ada@example.com --name nft.storage < old.key`,
    )
    .action((options: NewKeyOptions) => bringIn(context, options))
  keys
    .command('list')
    .description('list the keys of a user, without the keys themselves')
    .requiredOption('--user <email>', 'whose keys')
    .option('--json', 'print JSON')
    .addHelpText('after', dataHelp)
    .action((options: { user: string; json?: boolean }) => list(context, options))
  keys
    .command('revoke')
    .description('make a key invalid, at once and for good')
    .argument('<name|id>', 'which key')
    .requiredOption('--user <email>', 'whose key')
    .addHelpText('after', `${dataHelp}\n\nExample:\n  $ keepsake keys revoke --user ada@example.com laptop`)
    .action((which: string, options: { user: string }) => revoke(context, which, options))
}
