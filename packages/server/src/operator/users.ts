import { formatTable } from '@keepsake/terminal/table.ts'
import type { Command } from 'commander'
import type { ListedUser } from '../accounts/users.ts'
import { createUser, listUsers } from '../accounts/users.ts'
import type { Context } from './context.ts'
import { print, tell, withService } from './context.ts'
import { dataHelp } from './program-help.ts'

async function create(context: Context, email: string, { name }: { name?: string }): Promise<void> {
  const user = await withService(context, (service) => createUser(service, { email, ...(name !== undefined && { name }) }))
  tell(`Created ${user.email}. Next: keepsake keys create --user ${user.email} --name first`)
}

function rowOf({ email, name, uploads, keys, createdAt }: ListedUser): string[] {
  return [email ?? '', name ?? '', String(uploads), String(keys), createdAt.toISOString().slice(0, 10)]
}

async function list(context: Context, { json }: { json?: boolean }): Promise<void> {
  const users = await withService(context, async (service) => {
    const all: ListedUser[] = []
    for await (const user of listUsers(service)) all.push(user)
    return all
  })
  if (json) return print(JSON.stringify(users, null, 2))
  if (users.length === 0) return tell('There are no users yet. Create one with: keepsake users create you@example.com')
  const columns = [
    { title: 'E-mail' },
    { title: 'Name', flexible: true },
    { title: 'Uploads', align: 'right' as const },
    { title: 'Keys', align: 'right' as const },
    { title: 'Created' },
  ]
  for (const line of formatTable(columns, users.map(rowOf), process.stdout)) print(line)
}

export function addUsers(program: Command, context: Context): void {
  const users = program.command('users').description('create and list users')
  users
    .command('create')
    .description('create an account')
    .argument('<email>', 'its e-mail address')
    .option('--name <name>', 'what the person is called')
    .addHelpText('after', `${dataHelp}\n\nExample:\n  $ keepsake users create ada@example.com --name "Ada"`)
    .action((email: string, options: { name?: string }) => create(context, email, options))
  users
    .command('list')
    .description('list all accounts, with how many uploads and keys they have')
    .option('--json', 'print JSON')
    .addHelpText('after', dataHelp)
    .action((options: { json?: boolean }) => list(context, options))
}
