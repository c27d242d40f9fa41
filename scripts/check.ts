// npm run check: everything that says quickly whether a change is sound. `--fast` leaves the tests out.
import { spawn } from 'node:child_process'
import { join } from 'node:path'

interface Step {
  name: string
  bin: string
  args: string[]
}

const steps: Step[] = [
  { name: 'types', bin: 'tsc', args: ['-p', '.'] },
  { name: 'types of the website', bin: 'tsc', args: ['-p', 'packages/web'] },
  { name: 'lint, format, cycles, boundaries', bin: 'biome', args: ['check', '--error-on-warnings', '.'] },
  { name: 'dead code', bin: 'knip', args: ['--no-progress'] },
  { name: 'tests without external programs', bin: 'vitest', args: ['run', '--project', 'fast', '--reporter', 'dot'] },
]

const root = join(import.meta.dirname, '..')

function runStep({ bin, args }: Step): Promise<{ ok: boolean; output: string }> {
  const child = spawn(join(root, 'node_modules/.bin', bin), args, {
    cwd: root,
    env: { ...process.env, FORCE_COLOR: process.stdout.isTTY ? '1' : '0' },
  })
  let output = ''
  child.stdout.on('data', (text) => (output += text))
  child.stderr.on('data', (text) => (output += text))
  return new Promise((resolve) => {
    child.on('error', (error) => resolve({ ok: false, output: String(error) }))
    child.on('close', (code) => resolve({ ok: code === 0, output }))
  })
}

const chosen = process.argv.includes('--fast') ? steps.slice(0, -1) : steps
let failed = 0
for (const step of chosen) {
  const startedAt = performance.now()
  const { ok, output } = await runStep(step)
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  process.stdout.write(`${ok ? 'ok    ' : 'FAILED'}  ${step.name} (${seconds} s)\n`)
  if (!ok) {
    failed++
    process.stdout.write(`${output.trimEnd()}\n`)
  }
}
process.exitCode = failed > 0 ? 1 : 0
