import { formatTable } from '@keepsake/terminal/table.ts'
import type { Command } from 'commander'
import { demoteUser, promoteUser } from '../accounts/admin.ts'
import type { ListedUser } from '../accounts/users.ts'
import { createUser, listUsers } from '../accounts/users.ts'
import type { Context } from './context.ts'
import { print, tell, withService } from './context.ts'
import { dataHelp } from './program-help.ts'

async function create(context: Context, email: string, { name, admin }: { name?: string; admin?: boolean }): Promise<void> {
  const user = await withService(context, async (service) => {
    const created = await createUser(service, { email, ...(name !== undefined && { name }) })
    if (admin) await promoteUser(service, email)
    return created
  })
  const what = admin ? `the administrator ${user.email}` : user.email
  tell(`Created ${what}. Next: keepsake keys create --user ${user.email} --name first`)
}

async function promote(context: Context, email: string): Promise<void> {
  await withService(context, (service) => promoteUser(service, email))
  tell(`${email} is an administrator now.`)
}

async function demote(context: Context, email: string): Promise<void> {
  await withService(context, (service) => demoteUser(service, email))
  tell(`${email} is no administrator any more.`)
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
    .option('--admin', 'make it an administrator')
    .addHelpText('after', `${dataHelp}\n\nExample:\n  $ keepsake users create ada@example.com --name "Ada"`)
    .action((email: string, options: { name?: string; admin?: boolean }) => create(context, email, options))
  users
    .command('promote')
    .description('make an account an administrator, who may do everything on the website')
    .argument('<email>', 'its e-mail address')
    .addHelpText('after', dataHelp)
    .action((email: string) => promote(context, email))
  users
    .command('demote')
    .description('take that back; the last administrator stays one')
    .argument('<email>', 'its e-mail address')
    .addHelpText('after', dataHelp)
    .action((email: string) => demote(context, email))
  users
    .command('list')
    .description('list all accounts, with how many uploads and keys they have')
    .option('--json', 'print JSON')
    .addHelpText('after', dataHelp)
    .action((options: { json?: boolean }) => list(context, options))
}
