import type { Command } from 'commander'
import { InvalidArgumentError } from 'commander'
import { withConnection } from '../connect.ts'
import type { Context } from '../context.ts'
import { print, printJson } from '../context.ts'
import { openHistory } from '../dealflow/history.ts'
import { playFlow } from '../dealflow/play.ts'
import type { RunRecord } from '../dealflow/run-record.ts'
import { stageTexts } from '../dealflow/stages.ts'
import { CommandError } from '../failure.ts'
import type { ServerOptions } from '../settings.ts'
import { withServerOptions } from '../settings.ts'
import { formatFields } from '../show-upload.ts'

interface Options extends ServerOptions {
  file?: string
  runs: number
  replicas: number
  timeout: number
  filecoinRpc?: string
  out: string
  json?: boolean
}

function describe({ stages, commands, timeToDealMs, isDevnet }: RunRecord): string {
  const lines = stages.map(({ stage, outcome, tookMs, reason }) => {
    const mark = outcome === 'done' ? '✓' : '✗'
    return `  ${mark} ${stage.padEnd(9)}${(tookMs / 1000).toFixed(1).padStart(7)} s  ${reason ?? stageTexts[stage]}`
  })
  const fields = formatFields([
    ['Time to deal', timeToDealMs === null ? 'none came about' : `${(timeToDealMs / 1000).toFixed(1)} s`],
    ['Commands', `${commands.length}, ${(commands.reduce((sum, one) => sum + one.durationMs, 0) / 1000).toFixed(1)} s in all`],
    ...(isDevnet ? [['Network', 'devnet: simulated storage providers on this machine'] as [string, string]] : []),
  ])
  return `${lines.join('\n')}\n\n${fields}`
}

async function dealflow(context: Context, options: Options): Promise<void> {
  const history = await openHistory(options.out)
  const runs: RunRecord[] = []
  let written = { json: '', html: '' }
  await withConnection(context, options, { key: true }, async (connection) => {
    for (let index = 0; index < options.runs; index++) {
      const { file: path, replicas, timeout, filecoinRpc } = options
      const flow = { path, replicas, timeoutMs: timeout * 1000, filecoinRpc }
      const run = await playFlow(context, connection, flow)
      runs.push(run)
      written = await history.add(run)
      if (!options.json) await print(`${describe(run)}\n`)
    }
  })
  if (options.json) await printJson(runs)
  else await print(`Written to ${written.json} and ${written.html}`)
  const failed = runs.filter(({ outcome }) => outcome === 'failed')
  if (failed.length > 0) throw new CommandError(`${failed.length} of ${runs.length} runs did not go the whole way.`)
}

function whole(least: number, most: number) {
  return (text: string): number => {
    const number = Number(text)
    if (/^\d+$/.test(text) && number >= least && number <= most) return number
    throw new InvalidArgumentError(`Expected a whole number from ${least} to ${most}.`)
  }
}

export function addDealflow(program: Command, context: Context): void {
  withServerOptions(program.command('dealflow'))
    .description('go the whole way into Filecoin as a user would, and measure it')
    .option('--file <path>', 'what to store (default: a new file of 64 KiB)')
    .option('--runs <n>', 'how often, one after the other', whole(1, 1000), 1)
    .option('--replicas <n>', 'deals to wait for', whole(1, 100), 1)
    .option('--timeout <seconds>', 'for one run', whole(1, 30 * 86_400), 600)
    .option('--filecoin-rpc <url>', 'Filecoin node to check the deals with in the end, rather than believe the server')
    .option('--out <folder>', 'where dealflow.json and dealflow.html are kept, run after run', 'dealflow')
    .option('--json', 'print what was measured as JSON')
    .addHelpText(
      'after',
      `
Stores a file, waits until it is packed, claimed, published, in a sector and proven, fetches it back from one of its storage providers, takes it
out of the piece which that one holds, and checks its proof by what it gives back. Counts the commands a person needs for that, and takes the time
of each. The JSON has every run so far; the page shows them as plots, and needs nothing beside itself.

Exit codes: 0 all runs went the whole way, 1 one did not.

Examples:
  $ keepsake dealflow
  $ keepsake dealflow --runs 10 --replicas 3 --out nightly`,
    )
    .action((options: Options) => dealflow(context, options))
}
