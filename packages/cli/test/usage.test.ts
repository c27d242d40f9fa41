import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { keepsake } from './setup/processes.ts'

let cwd: string

beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'keepsake-usage-'))
})

afterAll(() => rm(cwd, { recursive: true, force: true }))

test('shows the help when called alone', async () => {
  const { code, stdout, stderr } = await keepsake([], { cwd })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toContain('Usage: keepsake')
  for (const verb of [
    'store',
    'status',
    'list',
    'get',
    'pin',
    'rm',
    'check',
    'piece',
    'extract',
    'login',
    'version',
    'users',
    'keys',
    'index',
  ]) {
    expect(stdout).toMatch(new RegExp(`^ {2}${verb}\\b`, 'm'))
  }
})

test.each(['store', 'status', 'list', 'get', 'rm', 'check', 'findprovs', 'verify', 'login', 'version'])(
  'has help for %s',
  async (verb) => {
    const { code, stdout } = await keepsake([verb, '--help'], { cwd })
    expect(code).toBe(0)
    expect(stdout).toContain(`Usage: keepsake ${verb}`)
    expect(stdout).toContain('--endpoint')
  },
)

test('suggests the command that was meant', async () => {
  const { code, stdout, stderr } = await keepsake(['stor'], { cwd })
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toContain('Did you mean store?')
})

test.each([
  [['store'], 'missing required argument'],
  [['status', 'nonsense'], '"nonsense" is not a CID'],
  [['get', 'bafkqaaa/../x'], 'have no place in it'],
  [['list', '--limit', '0'], 'whole number'],
  [['store', '-'], 'Standard input cannot be stored'],
  [['store', '--colour', 'x'], 'unknown option'],
])('ends with 2 for %j', async (args, message) => {
  const { code, stdout, stderr } = await keepsake(args, { cwd })
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toContain(message)
  expect(stderr).not.toMatch(/\n\s+at /)
})

test('says what to do where there is neither a server nor data', async () => {
  const { code, stderr } = await keepsake(['check', 'bafkqaaa'], { cwd, env: { PORT: '9' } })
  expect(code).toBe(1)
  expect(stderr).toContain('No server answers at http://localhost:9')
  expect(stderr).toContain('--endpoint')
})

test('gives up on a server that is not there, after saying that it tries again', async () => {
  const { code, stderr } = await keepsake(['check', 'bafkqaaa', '--endpoint', 'http://127.0.0.1:59'], { cwd })
  expect(code).toBe(1)
  expect(stderr).toMatch(/Trying again in 1 s\.\n/)
  expect(stderr.trim().split('\n').at(-1)).toBe('keepsake: No server answers at http://127.0.0.1:59.')
})

test('shows a stack only when it is asked to', async () => {
  await writeFile(join(cwd, 'a'), 'a')
  const args = ['store', 'a', 'absent', '--endpoint', 'http://127.0.0.1:9']
  const quiet = await keepsake(args, { cwd, env: { KEEPSAKE_KEY: 'x'.repeat(20) } })
  expect(quiet).toEqual({ code: 1, stdout: '', stderr: 'keepsake: absent: there is no such file or directory.\n' })
  const loud = await keepsake([...args, '--verbose'], { cwd, env: { KEEPSAKE_KEY: 'x'.repeat(20) } })
  expect(loud.stderr).toMatch(/\n\s+at /)
})

test('refuses an address that is none', async () => {
  const { code, stderr } = await keepsake(['check', 'bafkqaaa', '--endpoint', 'example.org'], { cwd })
  expect(code).toBe(1)
  expect(stderr).toContain('"example.org" is not an address')
})

test('asks for a key of the very server that needs one', async () => {
  const { code, stderr } = await keepsake(['list', '--endpoint', 'http://127.0.0.1:9'], { cwd })
  expect(code).toBe(1)
  expect(stderr).toContain('npx keepsake login --endpoint http://127.0.0.1:9')
})
