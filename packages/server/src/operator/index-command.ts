import { progressOn } from '@keepsake/terminal/progress.ts'
import { formatBytes } from '@keepsake/terminal/sizes.ts'
import type { Command } from 'commander'
import { rebuildIndex } from '../blocks/rebuild-index.ts'
import type { RebuildProgress, RebuildReport } from '../blocks/rebuild-report.ts'
import type { Context } from './context.ts'
import { print, withService } from './context.ts'
import { OperatorError } from './failure.ts'
import { dataHelp } from './program-help.ts'

interface Options {
  check?: boolean
  json?: boolean
}

function summary(report: RebuildReport, isCheck: boolean): string {
  const { shards, shardBytes, blocks, contents } = report
  const done = isCheck
    ? { add: 'to be added', correct: 'to be corrected', remove: 'to be removed' }
    : { add: 'added', correct: 'corrected', remove: 'removed' }
  const counts: [number, string][] = [
    [report.unknownShards, `shards ${done.add}`],
    [report.missing, `blocks ${done.add}`],
    [report.misplaced, `places of blocks ${done.correct}`],
    [report.stray, `blocks ${done.remove}`],
    [report.changedContents, `contents whose status ${isCheck ? 'is wrong' : 'was corrected'}`],
    [report.unreadableContents, 'contents that could not be looked at'],
    [report.damagedShards.length, 'damaged shards'],
    [report.absentShards.length, 'shards that are gone'],
  ]
  const found = counts.filter(([count]) => count > 0).map(([count, what]) => `  ${count} ${what}`)
  const read = `Read ${shards} shards (${formatBytes(shardBytes)}) with ${blocks} blocks, and ${contents} contents.`
  return [read, ...(found.length > 0 ? found : [`  The index ${isCheck ? 'is' : 'was'} right.`])].join('\n')
}

/** What no rebuild can mend. */
function isDamaged(report: RebuildReport): boolean {
  return report.damagedShards.length + report.absentShards.length + report.unreadableContents > 0
}

function isDifferent(report: RebuildReport): boolean {
  return report.unknownShards + report.missing + report.misplaced + report.stray + report.changedContents > 0
}

async function rebuild(context: Context, { check: checkOnly = false, json }: Options): Promise<void> {
  const progress = progressOn(process.stderr)
  let phase: RebuildProgress['phase'] | undefined
  const onProgress = (now: RebuildProgress) => {
    if (now.phase === 'shards') {
      if (phase !== 'shards') progress.begin('Shards', now.totalBytes)
      progress.update(now.doneBytes)
    } else {
      if (phase !== 'contents') progress.beginCount('Contents', now.total)
      progress.update(now.done)
    }
    phase = now.phase
  }
  try {
    const report = await withService(context, (service) =>
      rebuildIndex(service, { checkOnly, signal: context.signal, onProgress, onTrouble: (line) => progress.note(line) }),
    )
    progress.end()
    print(json ? JSON.stringify(report, null, 2) : summary(report, checkOnly))
    if (isDamaged(report)) {
      throw new OperatorError('Not everything is here and whole; storing it again mends it, and this can then be run again.')
    }
    if (checkOnly && isDifferent(report))
      throw new OperatorError('The index is not what the shards say. Mend it with: keepsake index rebuild')
  } finally {
    progress.end()
  }
}

export function addIndex(program: Command, context: Context): void {
  const index = program.command('index').description('rebuild the block index from the shards, or check it')
  index
    .command('rebuild')
    .description('read every shard and make the index say what is in them')
    .option('--check', 'change nothing, only tell what is wrong')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Every block is checked against its CID on the way, so this also finds damage. It may run beside a server, be interrupted, and be
run again. Exit code 1: something is damaged or gone, or with --check: something is wrong.
${dataHelp}

Examples:
  $ keepsake index rebuild --check
  $ keepsake index rebuild`,
    )
    .action((options: Options) => rebuild(context, options))
}
