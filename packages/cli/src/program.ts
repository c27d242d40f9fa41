import { Command } from 'commander'
import { addCheck } from './commands/check.ts'
import { addDealflow } from './commands/dealflow.ts'
import { addExtract } from './commands/extract.ts'
import { addFindprovs } from './commands/findprovs.ts'
import { addGet } from './commands/get.ts'
import { addList } from './commands/list.ts'
import { addLogin } from './commands/login.ts'
import { addOperatorCommands } from './commands/operator.ts'
import { addPiece } from './commands/piece.ts'
import { addPin } from './commands/pin.ts'
import { addRm } from './commands/rm.ts'
import { addStatus } from './commands/status.ts'
import { addStore } from './commands/store.ts'
import { addVerify } from './commands/verify.ts'
import { addVersion, ownVersion } from './commands/version.ts'
import type { Context } from './context.ts'

const overview = `
Examples:
  $ keepsake store art.png                      store a file, print its CID
  $ keepsake store ./collection --name "Vol. 1" store a directory
  $ keepsake status bafy...                     see where it stands
  $ keepsake get bafy.../1.json                 fetch it back, every block verified
  $ keepsake pin add bafy...                    have the server fetch it from the IPFS network, and keep it
  $ keepsake verify bafy...                     check that it lies in a piece for Filecoin

The server is the one of --endpoint, KEEPSAKE_ENDPOINT or \`keepsake login\`; without any of them the one of this machine,
which is started for the time of a command when it does not run. The key is that of --key-file, KEEPSAKE_KEY or the login.

Exit codes: 0 done, 1 failed, 2 called the wrong way.`

/** The whole command line. */
export function createProgram(context: Context): Command {
  const program = new Command('keepsake')
    .description('Store NFT data, follow it, and fetch it back verified.')
    .version(ownVersion(), '--version', 'print the version')
    .option('--verbose', 'show where an error comes from')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .showSuggestionAfterError()
    .addHelpText('after', overview)
    .exitOverride()
  // Subcommands inherit what is set above when they are added.
  for (const add of [
    addStore,
    addStatus,
    addList,
    addGet,
    addPin,
    addRm,
    addCheck,
    addFindprovs,
    addPiece,
    addExtract,
    addVerify,
    addDealflow,
    addLogin,
    addVersion,
  ])
    add(program, context)
  addOperatorCommands(program)
  return program
}
