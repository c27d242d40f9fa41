import { type Address, formatAddress, parseAddress } from '@keepsake/filecoin/address.ts'
import { ChainFormatError } from '@keepsake/filecoin/errors.ts'
import { formatTable } from '@keepsake/terminal/table.ts'
import type { Command } from 'commander'
import { Option } from 'commander'
import type { Context } from './context.ts'
import { print, tell, withService } from './context.ts'
import { UsageError } from './failure.ts'
import { dataHelp } from './program-help.ts'

/** A key takes some 200 characters. */
const maxInputCharacters = 10_000

function parse(text: string): Address {
  try {
    return parseAddress(text)
  } catch (error) {
    if (error instanceof ChainFormatError) throw new UsageError(error.message)
    throw error
  }
}

async function list(context: Context, { json }: { json?: boolean }): Promise<void> {
  const keys = await withService(context, ({ wallet }) => wallet.list())
  const shown = keys.map(({ address, ...key }) => ({ address: formatAddress(address), ...key }))
  if (json) return print(JSON.stringify(shown, null, 2))
  if (shown.length === 0)
    return tell('There is no key yet. The first is made when the first deal is proposed, or by: keepsake wallet new')
  const columns = [{ title: 'Address' }, { title: 'Kind' }, { title: 'Made' }, { title: '' }]
  const rows = shown.map(({ address, kind, createdAt, isDefault }) => [
    address,
    kind,
    createdAt.toISOString().slice(0, 10),
    isDefault ? 'default' : '',
  ])
  for (const line of formatTable(columns, rows, process.stdout)) print(line)
}

async function create(context: Context, { kind }: { kind: 'secp256k1' | 'bls' }): Promise<void> {
  print(formatAddress(await withService(context, ({ wallet }) => wallet.create(kind))))
}

async function readInput(): Promise<string> {
  if (process.stdin.isTTY) tell('Paste the key as `lotus wallet export` wrote it, then press Enter and Ctrl-D:')
  let text = ''
  for await (const chunk of process.stdin.setEncoding('utf8')) {
    text += chunk
    if (text.length > maxInputCharacters) throw new UsageError('That is too much for one key.')
  }
  return text
}

async function importKey(context: Context): Promise<void> {
  const text = await readInput()
  print(formatAddress(await withService(context, ({ wallet }) => wallet.importKey(text))))
}

async function exportKey(context: Context, address: Address): Promise<void> {
  print(await withService(context, ({ wallet }) => wallet.exportKey(address)))
  tell('Whoever has this can sign in the name of the address, and spend what it holds.')
}

async function makeDefault(context: Context, address: Address): Promise<void> {
  await withService(context, ({ wallet }) => wallet.makeDefault(address))
  tell(`New proposals are signed by ${formatAddress(address)}.`)
}

export function addWallet(program: Command, context: Context): void {
  const wallet = program.command('wallet').description('the keys that sign proposals of deals')
  wallet
    .command('list')
    .description('list the addresses, the oldest first')
    .option('--json', 'print JSON')
    .addHelpText('after', dataHelp)
    .action((options: { json?: boolean }) => list(context, options))
  wallet
    .command('new')
    .description('make a key, and print its address')
    .addOption(new Option('--kind <kind>', 'secp256k1 (f1…) or bls (f3…)').choices(['secp256k1', 'bls']).default('secp256k1'))
    .addHelpText('after', dataHelp)
    .action((options: { kind: 'secp256k1' | 'bls' }) => create(context, options))
  wallet
    .command('import')
    .description('take a key from standard input, as `lotus wallet export` writes it, and print its address')
    .addHelpText('after', `${dataHelp}\n\nExample:\n  $ lotus wallet export f1… | keepsake wallet import`)
    .action(() => importKey(context))
  wallet
    .command('export')
    .description('print a key as `lotus wallet import` takes it')
    .argument('<address>', 'its address')
    .addHelpText('after', dataHelp)
    .action((address: string) => exportKey(context, parse(address)))
  wallet
    .command('default')
    .description('have new proposals signed by this key')
    .argument('<address>', 'its address')
    .addHelpText('after', dataHelp)
    .action((address: string) => makeDefault(context, parse(address)))
}
