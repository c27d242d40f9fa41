import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, open, readdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bodyOf, serve } from './setup/http.ts'
import { keepsake } from './setup/processes.ts'
import type { World } from './setup/world.ts'
import { createWorld, readTree } from './setup/world.ts'

/** CID of "hello\n" as everybody computes it. */
const helloCid = 'bafkreicysg23kiwv34eg2d7qweipxwosdo2py4ldv42nbauguluen5v6am'

let world: World
let cwd: string

beforeAll(async () => {
  world = await createWorld()
  cwd = await world.directory()
  await writeFile(join(cwd, 'hello.txt'), 'hello\n')
})

afterAll(() => world?.end())

test('stores a file and prints its CID alone', async () => {
  const { code, stdout, stderr } = await world.run(['store', 'hello.txt'], { cwd })
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: `${helloCid}\n`, stderr: '' })
  const status = JSON.parse((await world.run(['status', helloCid, '--json'], { cwd })).stdout)
  expect(status).toMatchObject({ cid: helloCid, name: 'hello.txt', pin: { status: 'pinned', size: 6 } })
})

test('stores a directory of 1,200 files and names of all kinds, and fetches the same back', async () => {
  const from = join(cwd, 'many')
  await mkdir(join(from, 'größer', '空 の', 'empty'), { recursive: true })
  for (let i = 0; i < 1200; i++) await writeFile(join(from, `${i}.json`), `{"name":"No. ${i}"}`)
  for (const name of ['back\\slash', ' space ', '😀', 'quo\'te"', 'ä.txt', '%2e%2e', '-rf'])
    await writeFile(join(from, 'größer', name), name)
  await writeFile(join(from, 'größer', '空 の', 'big.bin'), randomBytes(3_000_000))
  await writeFile(join(from, 'nothing'), '')
  const stored = await world.run(['store', 'many', '--name', 'Völlig 1'], { cwd })
  expect(stored.stderr).toBe('')
  const cid = stored.stdout.trim()
  const got = await world.run(['get', cid, '-o', 'back'], { cwd })
  expect(got.code).toBe(0)
  expect(await readTree(join(cwd, 'back'))).toEqual(await readTree(from))
  const one = await world.run(['get', `${cid}/größer/ space `, '-o', '-'], { cwd })
  expect(one.stdout).toBe(' space ')
  const listed = await world.run(['list', '--name', 'völlig'], { cwd })
  expect(listed.stdout.split('\t').slice(0, 2)).toEqual([cid, 'Völlig 1'])
})

test('wraps one file where that is asked for, and several paths always', async () => {
  await writeFile(join(cwd, 'b.txt'), 'b')
  const wrapped = (await world.run(['store', 'hello.txt', '--wrap'], { cwd })).stdout.trim()
  expect((await world.run(['get', `${wrapped}/hello.txt`, '-o', '-'], { cwd })).stdout).toBe('hello\n')
  const both = (await world.run(['store', './hello.txt', join(cwd, 'b.txt')], { cwd })).stdout.trim()
  expect((await world.run(['get', `${both}/b.txt`, '-o', '-'], { cwd })).stdout).toBe('b')
  await mkdir(join(cwd, 'other'), { recursive: true })
  await writeFile(join(cwd, 'other/b.txt'), 'another')
  const clash = await world.run(['store', 'b.txt', 'other/b.txt'], { cwd })
  expect(clash).toMatchObject({ code: 1, stdout: '' })
  expect(clash.stderr).toContain('Two of the paths are called "b.txt"')
})

test('leaves out what is hidden, what leads outside and what is no file, and says so', async () => {
  const from = join(cwd, 'links')
  await mkdir(join(from, 'sub'), { recursive: true })
  await writeFile(join(from, 'sub/file'), 'inside')
  await writeFile(join(from, '.secret'), 'hidden')
  await symlink('sub/file', join(from, 'within'))
  await symlink('../hello.txt', join(from, 'without'))
  execFileSync('mkfifo', [join(from, 'pipe')])
  const { stdout, stderr } = await world.run(['store', 'links'], { cwd })
  await world.run(['get', stdout.trim(), '-o', 'links-back'], { cwd })
  expect([...(await readTree(join(cwd, 'links-back'))).keys()].sort()).toEqual(['sub/', 'sub/file', 'within'])
  expect(stderr).toContain('links/without is left out: it is a link to')
  expect(stderr).toContain('links/pipe is left out: it is neither a file nor a directory')
  await rm(join(from, 'pipe'))
  const all = await world.run(['store', 'links', '--hidden'], { cwd })
  expect((await world.run(['get', `${all.stdout.trim()}/.secret`, '-o', '-'], { cwd })).stdout).toBe('hidden')
})

test('refuses links that lead in a circle or nowhere, before anything is sent', async () => {
  await mkdir(join(cwd, 'circle/below'), { recursive: true })
  await writeFile(join(cwd, 'circle/file'), 'x')
  await symlink('..', join(cwd, 'circle/below/up'))
  const circle = await world.run(['store', 'circle'], { cwd })
  expect(circle).toMatchObject({ code: 1, stdout: '' })
  expect(circle.stderr).toContain('circle/below/up is a link that leads back to')
  await rm(join(cwd, 'circle/below/up'))
  await symlink('gone', join(cwd, 'circle/dangling'))
  expect((await world.run(['store', 'circle'], { cwd })).stderr).toContain(
    'circle/dangling is a link to something that is not there',
  )
  await symlink('self', join(cwd, 'circle/self'))
  await rm(join(cwd, 'circle/dangling'))
  expect((await world.run(['store', 'circle'], { cwd })).stderr).toContain('circle/self: its links lead in a circle')
})

test.skipIf(process.getuid?.() !== 0)('names a file that may not be read', async () => {
  const dir = await mkdtemp('/tmp/keepsake-unreadable-')
  await writeFile(join(dir, 'locked'), 'x', { mode: 0o000 })
  execFileSync('chmod', ['755', dir])
  const { code, stdout, stderr } = await world.run(['store', 'locked'], { cwd: dir, uid: 65534 })
  await rm(dir, { recursive: true })
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr).toBe('keepsake: locked: permission denied.\n')
})

test('refuses a directory without files', async () => {
  await mkdir(join(cwd, 'empty'), { recursive: true })
  const { code, stderr } = await world.run(['store', 'empty'], { cwd })
  expect(code).toBe(1)
  expect(stderr).toContain('There is no file in empty')
})

test('notices a file that changes while it is sent, and never completes the upload', async () => {
  const path = join(cwd, 'changing.bin')
  await writeFile(path, randomBytes(64 * 1024 * 1024))
  let wasComplete: boolean | undefined
  const ended = Promise.withResolvers<void>()
  await using server = await serve(async (request, response) => {
    if (request.method === 'GET') return void response.end('{"ok":true,"value":[]}')
    const file = await open(path, 'r+')
    await file.write(Buffer.from('changed'), 0, 7, 60 * 1024 * 1024)
    await file.close()
    await bodyOf(request).catch(() => {})
    wasComplete = request.complete
    ended.resolve()
  })
  const { code, stdout, stderr } = await world.run(['store', path], { cwd, env: { KEEPSAKE_ENDPOINT: server.endpoint } })
  await ended.promise
  await rm(path)
  expect({ code, stdout, wasComplete }).toEqual({ code: 1, stdout: '', wasComplete: false })
  expect(stderr).toContain('changing.bin changed while it was being stored')
})

test('notices a file that got shorter', async () => {
  const path = join(cwd, 'shrinking.bin')
  await writeFile(path, randomBytes(64 * 1024 * 1024))
  await using server = await serve(async (request, response) => {
    if (request.method === 'GET') return void response.end('{"ok":true,"value":[]}')
    await truncate(path, 1_000_000)
    await bodyOf(request).catch(() => {})
  })
  const { code, stderr } = await world.run(['store', path], { cwd, env: { KEEPSAKE_ENDPOINT: server.endpoint } })
  await rm(path)
  expect(code).toBe(1)
  expect(stderr).toContain('shrinking.bin changed while it was being stored')
})

test('tries again after a broken connection, an overload and a server error', async () => {
  const answers = ['break', 'overload', 'error', 'fine']
  await using server = await serve(async (request, response) => {
    const answer = answers.shift()
    const body = await bodyOf(request)
    expect(body.length).toBe(Number(request.headers['content-length']))
    if (answer === 'break') request.socket.destroy()
    else if (answer === 'overload') response.writeHead(429, { 'retry-after': '0' }).end()
    else if (answer === 'error') response.writeHead(500).end('{"ok":false,"error":{"code":"ERROR_INTERNAL","message":"Boom."}}')
    else response.end(JSON.stringify({ ok: true, value: { cid: helloCid } }))
  })
  const { code, stdout, stderr } = await world.run(['store', 'hello.txt'], { cwd, env: { KEEPSAKE_ENDPOINT: server.endpoint } })
  expect({ code, stdout }).toEqual({ code: 0, stdout: `${helloCid}\n` })
  expect(server.requests).toEqual(Array(4).fill('POST /api/upload'))
  expect(stderr).toMatch(/broke.*Trying again.*\n.*429.*Trying again.*\nBoom\. Trying again/)
})

test('does not believe a server that answers another CID', async () => {
  await using server = await serve(async (request, response) => {
    await bodyOf(request)
    response.end(JSON.stringify({ ok: true, value: { cid: 'bafkqaaa' } }))
  })
  const { code, stdout, stderr } = await world.run(['store', 'hello.txt'], { cwd, env: { KEEPSAKE_ENDPOINT: server.endpoint } })
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr).toContain(`The server answered bafkqaaa for what is ${helloCid}`)
})

test('says what the server says to a wrong key, without sending a long upload in vain', async () => {
  await writeFile(join(cwd, 'long.bin'), randomBytes(40_000_000))
  const { code, stdout, stderr } = await world.run(['store', 'long.bin'], {
    cwd,
    env: { KEEPSAKE_KEY: 'not-a-key-of-this-server' },
  })
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr).toBe('keepsake: API Key is malformed or failed to parse.\n')
})

test('sends what is large in parts that become a whole', async () => {
  await writeFile(join(cwd, 'parts.bin'), randomBytes(5_500_000))
  const stored = await world.run(['store', 'parts.bin', '--part-size', '2', '--json'], { cwd })
  const { cid, parts } = JSON.parse(stored.stdout)
  expect(parts).toHaveLength(3)
  expect(JSON.parse((await world.run(['check', cid, '--json'], { cwd })).stdout).pin.status).toBe('pinned')
  await world.run(['get', cid, '-o', 'parts-back.bin'], { cwd })
  expect(await readFile(join(cwd, 'parts-back.bin'))).toEqual(await readFile(join(cwd, 'parts.bin')))
})

test('sends a CAR as it is, and the file itself with --no-car', async () => {
  const got = await world.run(['get', helloCid, '--car', '-o', 'hello.car'], { cwd })
  expect(got.code).toBe(0)
  const car = await world.run(['store', 'hello.car'], { cwd })
  expect(car.stdout).toBe(`${helloCid}\n`)
  expect(car.stderr).toContain('hello.car is sent as the CAR it is')
  const file = await world.run(['store', 'hello.car', '--no-car'], { cwd })
  expect(file.stdout).not.toBe(car.stdout)
  await writeFile(join(cwd, 'no.car'), 'no CAR at all')
  const refused = await world.run(['store', 'no.car', '--car'], { cwd })
  expect(refused).toMatchObject({ code: 1, stdout: '' })
  expect(refused.stderr).toContain('no.car is not a CAR')
})

test('keeps memory flat while storing 300 MB', async () => {
  const path = join(cwd, 'large.bin')
  const file = await open(path, 'w')
  for (let i = 0; i < 30; i++) await file.write(randomBytes(10_000_000))
  await file.close()
  const peaks = join(cwd, 'peaks')
  await mkdir(peaks)
  const env = { NODE_OPTIONS: `--import=${join(import.meta.dirname, 'setup/write-peak-memory.mjs')}`, PEAK_MEMORY_DIR: peaks }
  const { code } = await world.run(['store', 'large.bin'], { cwd, env })
  await rm(path)
  expect(code).toBe(0)
  const peakMiB = await Promise.all((await readdir(peaks)).map(async (name) => Number(await readFile(join(peaks, name), 'utf8'))))
  expect(peakMiB).toHaveLength(2)
  expect(Math.max(...peakMiB)).toBeLessThan(230)
}, 60_000)

test('ends the server it started when it is killed itself', async () => {
  const env = { DATA_DIR: join(cwd, 'killed-data'), PORT: '9', KEEPSAKE_KEY: 'a-key-that-does-not-matter' }
  await keepsake(['users', 'create', 'grace@example.com'], { cwd, env })
  const started = () =>
    execFileSync('ps', ['-eo', 'pid,ppid,args'], { encoding: 'utf8' })
      .split('\n')
      .filter((line) => line.includes('end-with-parent'))
  const before = started().length
  await writeFile(join(cwd, 'slow.bin'), randomBytes(60_000_000))
  await keepsake(['store', 'slow.bin'], {
    cwd,
    env,
    during: async () => {
      while (started().length === before) await sleep(50)
      const parent = Number(started().at(-1)?.trim().split(/\s+/)[1])
      process.kill(parent, 'SIGKILL')
    },
  })
  for (let tries = 0; tries < 200 && started().length > before; tries++) await sleep(50)
  expect(started()).toHaveLength(before)
}, 60_000)

test('works where no server runs, on the data of this machine, and leaves none behind', async () => {
  const env = { DATA_DIR: join(cwd, 'own-data'), PORT: '9' }
  const first = await keepsake(['users', 'create', 'grace@example.com'], { cwd, env })
  expect(first.code).toBe(0)
  const without = await keepsake(['store', 'hello.txt'], { cwd, env })
  expect(without.code).toBe(1)
  expect(without.stderr).toContain('npx keepsake keys create --user grace@example.com --name command-line > keepsake.key\n')
  expect(without.stderr).toContain('npx keepsake login --key-file keepsake.key\n')
  const made = await keepsake(['keys', 'create', '--user', 'grace@example.com', '--name', 'command-line'], { cwd, env })
  expect((await keepsake(['login'], { cwd, env, input: made.stdout })).code).toBe(0)
  expect((await keepsake(['store', 'hello.txt'], { cwd, env })).stdout).toBe(`${helloCid}\n`)
  expect((await keepsake(['get', helloCid, '-o', '-'], { cwd, env })).stdout).toBe('hello\n')
  // Large bodies take other ways through a server.
  await writeFile(join(cwd, 'own.bin'), randomBytes(40_000_000))
  const large = await keepsake(['store', 'own.bin'], { cwd, env })
  expect(large).toMatchObject({ code: 0, stderr: '' })
  await keepsake(['get', large.stdout.trim(), '-o', 'own-back.bin'], { cwd, env })
  expect((await readFile(join(cwd, 'own-back.bin'))).equals(await readFile(join(cwd, 'own.bin')))).toBe(true)
  const processes = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })
  expect(processes).not.toContain(env.DATA_DIR)
}, 60_000)
