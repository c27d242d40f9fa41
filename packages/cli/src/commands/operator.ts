import type { Command } from 'commander'

/** Listed here for the help; `main.ts` hands them to the server's own process before this program sees them. */
export function addOperatorCommands(program: Command): void {
  program.commandsGroup('On the machine of the server:')
  program.command('users').description('create and list users').helpOption(false)
  program.command('keys').description('create, import, list and revoke API keys').helpOption(false)
  program.command('index').description('rebuild the block index from the shards, or check it').helpOption(false)
  program.command('pins').description('who keeps what, and trying again what failed').helpOption(false)
  program.command('aggregates').description('what uploads are packed into for Filecoin').helpOption(false)
  program
    .command('devnet')
    .description('the simulated Filecoin network for trying: how it is, and what is to go wrong')
    .helpOption(false)
  program.command('announcements').description('what the IPFS network is told of: the queue, and retrying').helpOption(false)
  program.command('pieces').description('make links under which storage providers download pieces').helpOption(false)
  program.command('providers').description('storage providers that may take pieces, and what they asked for').helpOption(false)
  program.command('deals').description('what was agreed with storage providers, and handing over proposals').helpOption(false)
  program.command('wallet').description('the keys that sign proposals of deals').helpOption(false)
}
