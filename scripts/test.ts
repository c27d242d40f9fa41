// npm test: every test, then one plain line with the counts. Arguments are passed on to Vitest (a file name, -t "a sentence").
import { spawn } from 'node:child_process'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const reportPath = join(root, 'test-results/vitest.json')

interface Report {
  numPassedTests: number
  numFailedTests: number
  numPendingTests: number
  numTotalTestSuites: number
  testResults: { name: string; status: string; assertionResults: { fullName: string; status: string }[] }[]
}

function run(bin: string, args: string[]): Promise<number> {
  const child = spawn(join(root, 'node_modules/.bin', bin), args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve(code ?? 1))
  })
}

await mkdir(join(root, 'test-results'), { recursive: true })
await rm(reportPath, { force: true })
const reporters = ['--reporter', process.env.CI ? 'dot' : 'default', '--reporter', 'json', '--outputFile.json', reportPath]
const exitCode = await run('vitest', ['run', ...reporters, ...process.argv.slice(2)])

const report = JSON.parse(await readFile(reportPath, 'utf8')) as Report
// A file that could not be loaded has no tests to count as failed; it counts as one.
const brokenFiles = report.testResults.filter(
  ({ status, assertionResults }) => status === 'failed' && assertionResults.every((test) => test.status !== 'failed'),
)
for (const { name } of brokenFiles) process.stdout.write(`could not be run: ${name}\n`)
for (const { assertionResults } of report.testResults) {
  for (const test of assertionResults) {
    if (test.status === 'failed') process.stdout.write(`failed: ${test.fullName}\n`)
    if (test.status === 'pending' || test.status === 'skipped') process.stdout.write(`skipped: ${test.fullName}\n`)
  }
}
const failed = report.numFailedTests + brokenFiles.length
process.stdout.write(
  `\n${report.numPassedTests} passed, ${failed} failed${report.numPendingTests > 0 ? `, ${report.numPendingTests} skipped` : ''}\n`,
)
// No test at all is not a success.
process.exitCode = exitCode !== 0 || failed > 0 || report.numPassedTests === 0 ? 1 : 0
