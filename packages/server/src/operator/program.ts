import { Command } from 'commander'
import { addAggregates } from './aggregates-command.ts'
import { addAnnouncements } from './announcements-command.ts'
import type { Context } from './context.ts'
import { addDeals } from './deals-command.ts'
import { addDevnet } from './devnet-command.ts'
import { addIndex } from './index-command.ts'
import { addKeys } from './keys.ts'
import { addPieces } from './pieces-command.ts'
import { addPins } from './pins-command.ts'
import { addProviders } from './providers-command.ts'
import { addUsers } from './users.ts'
import { addWallet } from './wallet-command.ts'

/** The operator's part of the `keepsake` command line. */
export function createProgram(context: Context): Command {
  const program = new Command('keepsake')
    .description('Commands on the machine of the server. They work beside a running server and without one.')
    .option('--verbose', 'show where an error comes from')
    .helpOption('-h, --help', 'show help')
    .showSuggestionAfterError()
    .exitOverride()
  const parts = [
    addUsers,
    addKeys,
    addIndex,
    addPins,
    addAnnouncements,
    addPieces,
    addAggregates,
    addDeals,
    addProviders,
    addWallet,
    addDevnet,
  ]
  for (const add of parts) add(program, context)
  return program
}
