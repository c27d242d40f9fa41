import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { findEmbedded, startEmbedded } from '../../src/database/embedded.ts'
import { temporaryDirectory } from './fixtures/directory.ts'
import { childrenOf, hold, isAlive, killAll, query, untilDead } from './fixtures/processes.ts'

async function start(dataDir: string) {
  const embedded = await startEmbedded({ dataDir })
  onTestFinished(embedded.stop)
  return embedded
}

/** Every row whose commit was acknowledged is there, and perhaps the one that was on its way. */
async function expectLines(url: string, acknowledged: string[]): Promise<void> {
  const rows = await query<{ count: number; last: number }>(url, 'SELECT count(*)::int AS count, max(n) AS last FROM line')
  const { count, last } = rows[0]!
  expect(acknowledged.length).toBeGreaterThan(10)
  expect(last).toBe(count)
  expect(count - acknowledged.length).toBeOneOf([0, 1])
}

async function untilWritten(lines: string[], count: number): Promise<void> {
  while (lines.length < count) await sleep(5)
}

test('adopts the PostgreSQL of a server that was killed, and stops it in the end', async () => {
  const dataDir = await temporaryDirectory()
  const first = await hold(dataDir, { mode: 'write' })
  await untilWritten(first.lines, 50)
  first.node.kill('SIGKILL')
  // PostgreSQL lives on, and must not keep the pipe of its dead parent open.
  await first.closed
  expect(isAlive(first.pid)).toBe(true)
  const second = await start(dataDir)
  expect(second).toMatchObject({ pid: first.pid, url: first.url })
  await expectLines(second.url, first.lines)
  await second.stop()
  expect(await findEmbedded(dataDir)).toBeUndefined()
  await untilDead(first.pid)
})

test('is not reached by Ctrl-C in the terminal of the server', async () => {
  const first = await hold(await temporaryDirectory())
  process.kill(-first.node.pid!, 'SIGINT')
  await first.closed
  await sleep(100)
  expect(await query(first.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
})

test('starts PostgreSQL again under a running server when it is killed, at the same address and with everything committed', async () => {
  const dataDir = await temporaryDirectory()
  const server = await hold(dataDir, { mode: 'write' })
  await untilWritten(server.lines, 50)
  process.kill(server.pid, 'SIGKILL')
  await untilDead(server.pid)
  await expect.poll(() => query(server.url, 'SELECT 1 AS one').catch(() => []), { timeout: 15_000 }).toEqual([{ one: 1 }])
  await expectLines(server.url, server.lines)
  const intruder = await hold(dataDir)
  expect(intruder).toMatchObject({ code: 'CONFLICT', error: expect.stringContaining(`(pid ${server.node.pid})`) })
  await server.stop()
  expect(await findEmbedded(dataDir)).toBeUndefined()
})

test('stops for good when it is told to while PostgreSQL is being started again', async () => {
  const dataDir = await temporaryDirectory()
  for (const delayMs of [0, 20, 100]) {
    const server = await start(dataDir)
    const { pid } = server
    process.kill(pid, 'SIGKILL')
    await untilDead(pid)
    await sleep(delayMs)
    await server.stop()
    expect(await findEmbedded(dataDir)).toBeUndefined()
  }
})

test('leaves no PostgreSQL behind when a start is given up, whatever the moment', async () => {
  const dataDir = await temporaryDirectory()
  await (await start(dataDir)).stop()
  for (let n = 0; n < 60; n++) {
    const starting = startEmbedded({ dataDir, signal: AbortSignal.timeout(n % 20) })
    const outcome = await starting.catch((error: Error) => error)
    if (!(outcome instanceof Error)) await outcome.stop()
    // One that has only just been started has not written down yet that it is there.
    await sleep(50)
    expect(await findEmbedded(dataDir)).toBeUndefined()
  }
})

test('takes the lock again when PostgreSQL resets all sessions because one of them crashed', async () => {
  const dataDir = await temporaryDirectory()
  const server = await start(dataDir)
  const [session] = await query<{ pid: number }>(server.url, 'SELECT pg_backend_pid() AS pid')
  expect(session).toBeDefined()
  const crashing = query(server.url, 'SELECT pg_sleep(60)').catch((error: Error) => error)
  const backends = () =>
    query<{ pid: number }>(server.url, `SELECT pid FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'`)
  await expect.poll(backends).toHaveLength(1)
  process.kill((await backends())[0]!.pid, 'SIGKILL')
  expect(await crashing).toBeInstanceOf(Error)
  await expect.poll(async () => (await hold(dataDir)).error, { timeout: 15_000 }).toContain(`(pid ${process.pid})`)
  expect(await query(server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
})

test.skipIf(process.platform !== 'linux')(
  'keeps the directory for a server that has not had time to take its lock again',
  async () => {
    const dataDir = await temporaryDirectory()
    const server = await hold(dataDir)
    const sessions = await query<{ pid: number }>(
      server.url,
      `SELECT pid FROM pg_stat_activity WHERE usename = 'postgres' AND datname IS NOT NULL`,
    )
    expect(sessions).toHaveLength(1)
    server.node.kill('SIGSTOP')
    process.kill(sessions[0]!.pid, 'SIGKILL')
    await untilDead(sessions[0]!.pid)
    const refused = await hold(dataDir)
    server.node.kill('SIGCONT')
    expect(refused).toMatchObject({ code: 'CONFLICT', error: expect.stringContaining(`(pid ${server.node.pid})`) })
    await sleep(500)
    expect(await query(server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
    await server.stop()
    expect(server.node.exitCode).toBe(0)
    expect(await findEmbedded(dataDir)).toBeUndefined()
  },
)

test.skipIf(process.platform !== 'linux')('recovers by itself after everything was killed at once', async () => {
  const dataDir = await temporaryDirectory()
  const first = await hold(dataDir, { mode: 'write' })
  await untilWritten(first.lines, 200)
  await killAll(first.node.pid!, first.pid, ...(await childrenOf(first.pid)))
  await first.closed
  expect(await readFile(join(dataDir, 'postgres/postmaster.pid'), 'utf8')).toContain(String(first.pid))
  const second = await start(dataDir)
  expect(second.pid).not.toBe(first.pid)
  await expectLines(second.url, first.lines)
})

test.skipIf(process.platform !== 'linux')(
  'waits for sessions that outlive their killed PostgreSQL instead of writing beside them',
  async () => {
    const dataDir = await temporaryDirectory()
    const first = await hold(dataDir, { mode: 'write' })
    await untilWritten(first.lines, 50)
    const children = await childrenOf(first.pid)
    // Stopped, an orphan does not notice that its parent died, and stays attached to the shared memory.
    for (const pid of children) process.kill(pid, 'SIGSTOP')
    await killAll(first.node.pid!, first.pid)
    let up = false
    const starting = startEmbedded({ dataDir }).finally(() => {
      up = true
    })
    await sleep(1000)
    expect(up).toBe(false)
    for (const pid of children) process.kill(pid, 'SIGCONT')
    const second = await starting
    onTestFinished(second.stop)
    await expectLines(second.url, first.lines)
  },
)

/** A living process that is not PostgreSQL, of the user who owns `path`. */
async function unrelatedProcess(path: string): Promise<ChildProcess> {
  const { uid, gid } = await stat(path)
  const child = spawn('sleep', ['600'], { stdio: 'ignore', uid, gid })
  await once(child, 'spawn')
  onTestFinished(() => void child.kill())
  return child
}

test.skipIf(process.platform !== 'linux')(
  'is not fooled by a stale pid file whose number now belongs to another program',
  async () => {
    const dataDir = await temporaryDirectory()
    const first = await hold(dataDir, { mode: 'write' })
    await untilWritten(first.lines, 50)
    await killAll(first.node.pid!, first.pid, ...(await childrenOf(first.pid)))
    const other = await unrelatedProcess(join(dataDir, 'postgres'))
    const pidFile = join(dataDir, 'postgres/postmaster.pid')
    const text = await readFile(pidFile, 'utf8')
    await writeFile(pidFile, text.replace(/^\d+/, String(other.pid)))
    expect(await findEmbedded(dataDir)).toBeUndefined()
    const second = await start(dataDir)
    await expectLines(second.url, first.lines)
    await second.stop()
    expect(isAlive(other.pid!)).toBe(true)
  },
)

test('starts over a pid file that a power failure left empty', async () => {
  const dataDir = await temporaryDirectory()
  await (await start(dataDir)).stop()
  await writeFile(join(dataDir, 'postgres/postmaster.pid'), '')
  const { url } = await start(dataDir)
  expect(await query(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
})

test('begins anew when it was killed while it made the database', async () => {
  const dataDir = await temporaryDirectory()
  await mkdir(dataDir)
  for (const delayMs of [0, 100, 250]) {
    const node = spawn(process.execPath, [join(import.meta.dirname, 'fixtures/serve.ts'), dataDir], {
      stdio: ['pipe', 'ignore', 'inherit'],
    })
    const ended = once(node, 'exit')
    while (!(await readdir(dataDir)).some((name) => name.startsWith('postgres.new-'))) await sleep(5)
    await sleep(delayMs)
    node.kill('SIGKILL')
    await ended
    expect(await readdir(dataDir)).toEqual([expect.stringMatching(/^postgres\.new-/)])
    if (delayMs < 250)
      for (const name of await readdir(dataDir)) await rm(join(dataDir, name), { recursive: true, force: true, maxRetries: 5 })
  }
  const { url } = await start(dataDir)
  expect(await query(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
  expect(await readdir(dataDir)).toEqual(['postgres'])
})
