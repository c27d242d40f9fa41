import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { serve } from './setup/http.ts'
import { keepsake } from './setup/processes.ts'
import type { World } from './setup/world.ts'
import { createWorld, email } from './setup/world.ts'

let world: World
let cwd: string

beforeAll(async () => {
  world = await createWorld()
  cwd = await world.directory()
})

afterAll(() => world?.end())

const store = async (name: string, text: string) => {
  await writeFile(join(cwd, name), text)
  return (await world.run(['store', name], { cwd })).stdout.trim()
}

test('lists what was stored, page after page, for other programs', async () => {
  const cids: string[] = []
  for (const name of ['one', 'two', 'three']) cids.unshift(await store(`${name}.txt`, name))
  const all = await world.run(['list', '--all'], { cwd })
  const rows = all.stdout
    .trim()
    .split('\n')
    .map((line) => line.split('\t'))
  expect(rows.map(([cid]) => cid)).toEqual(cids)
  expect(rows[0]).toEqual([cids[0], 'three.txt', '5', 'pinned', expect.stringMatching(/^\d{4}-.*Z$/)])
  expect((await world.run(['list', '--limit', '2'], { cwd })).stdout.trim().split('\n')).toHaveLength(2)
  expect((await world.run(['list', '--name', 'TWO'], { cwd })).stdout).toContain(cids[1])
  expect(JSON.parse((await world.run(['list', '--json'], { cwd })).stdout).map(({ cid }: { cid: string }) => cid)).toEqual(cids)
  expect(JSON.parse((await world.run(['list', '--json', '--name', 'no such name'], { cwd })).stdout)).toEqual([])
})

test('removes nothing without a yes, and then what was named', async () => {
  const cid = await store('gone.txt', 'gone')
  const unasked = await world.run(['rm', cid], { cwd })
  expect(unasked).toMatchObject({ code: 2, stdout: '' })
  expect((await world.run(['status', cid], { cwd })).code).toBe(0)
  const removed = await world.run(['rm', cid, 'bafkqaaa', '--yes'], { cwd })
  expect(removed).toEqual({ code: 1, stdout: `${cid}\n`, stderr: 'keepsake: Not among your uploads: bafkqaaa.\n' })
  const status = await world.run(['status', cid], { cwd })
  expect(status).toEqual({ code: 1, stdout: '', stderr: 'keepsake: NFT not found\n' })
})

test('checks without a key', async () => {
  const cid = await store('public.txt', 'public')
  const { code, stdout } = await keepsake(['check', cid, '--endpoint', world.server.endpoint], { cwd })
  expect(code).toBe(0)
  expect(stdout).toMatch(/^Status +pinned$/m)
})

test('keeps a login that only its owner can read, and uses it', async () => {
  const env = { XDG_CONFIG_HOME: join(cwd, 'logged-in') }
  const at = ['--endpoint', world.server.endpoint]
  const wrong = await keepsake(['login', ...at], { cwd, env, input: 'wrong-key-of-somebody\n' })
  expect(wrong.code).toBe(1)
  await expect(stat(join(cwd, 'logged-in/keepsake/config.json'))).rejects.toThrow('ENOENT')
  const right = await keepsake(['login', ...at], { cwd, env, input: `${world.key}\n` })
  expect(right.code).toBe(0)
  expect((await stat(join(cwd, 'logged-in/keepsake/config.json'))).mode & 0o777).toBe(0o600)
  expect((await keepsake(['list'], { cwd, env })).code).toBe(0)
  expect(right.stderr + right.stdout).not.toContain(world.key)
})

test('sends a kept key to no other server', async () => {
  const env = { XDG_CONFIG_HOME: join(cwd, 'careful') }
  await keepsake(['login', '--endpoint', world.server.endpoint], { cwd, env, input: world.key })
  let authorization: string | undefined
  await using server = await serve((request, response) => {
    authorization = request.headers.authorization
    response.writeHead(401).end()
  })
  const { code } = await keepsake(['list', '--endpoint', server.endpoint], { cwd, env })
  expect(code).toBe(1)
  await keepsake(['check', 'bafkqaaa', '--endpoint', server.endpoint], { cwd, env })
  expect(server.requests).toEqual(['GET /api/check/bafkqaaa'])
  expect(authorization).toBeUndefined()
})

test('manages keys beside the running server', async () => {
  const env = { DATA_DIR: world.server.dataDir }
  const local = { cwd, env }
  const made = await keepsake(['keys', 'create', '--user', email, '--name', 'ci', '--scope', 'upload', '--expires', '30d'], local)
  expect(made).toMatchObject({ code: 0, stdout: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+\n$/) })
  await writeFile(join(cwd, 'ci.key'), made.stdout)
  await writeFile(join(cwd, 'by-ci.txt'), 'by ci')
  const asCi = { cwd, env: { KEEPSAKE_KEY: '' } }
  expect((await world.run(['store', 'by-ci.txt', '--key-file', 'ci.key'], asCi)).code).toBe(0)
  expect((await world.run(['list', '--key-file', 'ci.key'], asCi)).stderr).toContain('has scope "upload" and may not read')
  expect((await keepsake(['keys', 'list', '--user', email], local)).stdout).toMatch(/\tci\tupload\there\t/)
  expect((await keepsake(['keys', 'revoke', '--user', email, 'ci'], local)).code).toBe(0)
  expect((await world.run(['store', 'by-ci.txt', '--key-file', 'ci.key'], asCi)).stderr).toBe('keepsake: API Key not found.\n')
  await keepsake(['keys', 'import', '--user', email, '--name', 'old'], { ...local, input: 'a-key-from-elsewhere\n' })
  await writeFile(join(cwd, 'old.key'), 'a-key-from-elsewhere')
  expect((await world.run(['list', '--key-file', 'old.key'], asCi)).code).toBe(0)
})

test('prints versions', async () => {
  const { stdout } = await world.run(['version', '--json'], { cwd })
  const own = JSON.parse(await readFile(join(import.meta.dirname, '../package.json'), 'utf8')).version
  expect(JSON.parse(stdout)).toMatchObject({ version: own, server: { commit: expect.any(String), mode: expect.any(String) } })
})
