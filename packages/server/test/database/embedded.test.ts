import { once } from 'node:events'
import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { connect, createServer as createTcpServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { findEmbedded, openEmbedded, startEmbedded } from '../../src/database/embedded.ts'
import { temporaryDirectory } from './fixtures/directory.ts'
import { hold, isAlive, query, untilDead } from './fixtures/processes.ts'

async function start(dataDir: string) {
  const embedded = await startEmbedded({ dataDir })
  onTestFinished(embedded.stop)
  return embedded
}

test('keeps data, address and secret from one start to the next', async () => {
  const dataDir = await temporaryDirectory()
  const first = await start(dataDir)
  await query(first.url, 'CREATE TABLE kept AS SELECT 7 AS n')
  await first.stop()
  expect(isAlive(first.pid)).toBe(false)
  const second = await start(dataDir)
  expect(second.url).toBe(first.url)
  expect(await query(second.url, 'SELECT n FROM kept')).toEqual([{ n: 7 }])
})

test('is durable, checked and ordered the same everywhere by default', async () => {
  const { url } = await start(await temporaryDirectory())
  const names = ['fsync', 'full_page_writes', 'synchronous_commit', 'data_checksums']
  for (const name of names) expect(await query(url, `SHOW ${name}`)).toEqual([{ [name]: 'on' }])
  expect(await query(url, 'SHOW server_encoding')).toEqual([{ server_encoding: 'UTF8' }])
  expect(await query(url, `SELECT 'B' < 'a' AS by_code_point, lower('Ä') AS lower`)).toEqual([
    { by_code_point: true, lower: 'ä' },
  ])
})

test('asks for a password, and the role of the server cannot reach files', async () => {
  const { url } = await start(await temporaryDirectory())
  const wrong = new URL(url)
  wrong.password = 'wrong'
  await expect(query(wrong.href, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' })
  await expect(query(url, `SELECT pg_read_file('/etc/hostname')`)).rejects.toMatchObject({ code: '42501' })
})

test.skipIf(process.platform === 'win32')('keeps its secret and its files from other users', async () => {
  const dataDir = await temporaryDirectory()
  await start(dataDir)
  expect((await stat(join(dataDir, 'postgres'))).mode & 0o777).toBe(0o700)
  expect((await stat(join(dataDir, 'postgres/keepsake-password'))).mode & 0o777).toBe(0o600)
  expect(await readdir(dataDir)).toEqual(['postgres'])
})

test('listens on the loopback address only', async () => {
  const { url } = await start(await temporaryDirectory())
  const { port, hostname } = new URL(url)
  expect(hostname).toBe('127.0.0.1')
  const outside = Object.values(networkInterfaces()).flatMap((list) => list?.filter(({ internal }) => !internal) ?? [])
  for (const { address, scopeid } of outside) {
    const socket = connect({ port: Number(port), host: scopeid ? `${address}%${scopeid}` : address })
    const [error] = await once(socket, 'error')
    expect(error).toMatchObject({ code: 'ECONNREFUSED' })
  }
  if (process.platform !== 'linux') return
  const hexPort = Number(port).toString(16).toUpperCase().padStart(4, '0')
  const listening = `${await readFile('/proc/net/tcp', 'utf8')}${await readFile('/proc/net/tcp6', 'utf8')}`
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => local?.endsWith(`:${hexPort}`) && state === '0A')
  expect(listening.map(([, local]) => local)).toEqual([`0100007F:${hexPort}`])
})

test.skipIf(process.platform !== 'linux')('gives PostgreSQL nothing of its own environment', async () => {
  const holder = await hold(await temporaryDirectory(), { env: { JWT_SECRET: 'must not be seen', PGPORT: '1' } })
  const environment = await readFile(`/proc/${holder.pid}/environ`, 'utf8')
  await holder.stop()
  expect(environment).toContain('LC_ALL=C')
  expect(environment).not.toMatch(/JWT_SECRET|PGPORT|NODE|VITEST/)
})

test('takes another port when a program has taken the last one', async () => {
  const dataDir = await temporaryDirectory()
  const first = await start(dataDir)
  await first.stop()
  const squatter = createTcpServer().listen(Number(new URL(first.url).port), '127.0.0.1')
  await once(squatter, 'listening')
  onTestFinished(() => void squatter.close())
  const second = await start(dataDir)
  expect(new URL(second.url).port).not.toBe(new URL(first.url).port)
  expect(await query(second.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
})

test('refuses a second server on the same directory and names the first', async () => {
  const dataDir = await temporaryDirectory()
  const first = await start(dataDir)
  const second = await hold(dataDir)
  expect(second).toMatchObject({ code: 'CONFLICT' })
  expect(second.error).toBe(`Another Keepsake server is already running on ${dataDir} (pid ${process.pid}).`)
  expect(await query(first.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
})

test('knows the directory by whatever link it is reached', async () => {
  const dataDir = await temporaryDirectory()
  const first = await start(dataDir)
  const link = `${dataDir}-link`
  await symlink(dataDir, link)
  expect(await findEmbedded(link)).toBe(first.url)
  expect((await hold(link)).code).toBe('CONFLICT')
})

test('lets one of many win when they start at once on a new directory', async () => {
  const dataDir = await temporaryDirectory()
  const holders = await Promise.all([hold(dataDir), hold(dataDir), hold(dataDir)])
  const winners = holders.filter(({ url }) => url)
  expect(winners).toHaveLength(1)
  for (const { code, error, url } of holders) {
    if (!url) expect({ code, error }).toEqual({ code: 'CONFLICT', error: expect.stringContaining(`pid ${winners[0]!.node.pid}`) })
  }
  expect(await query(winners[0]!.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
  await winners[0]!.stop()
  expect(await findEmbedded(dataDir)).toBeUndefined()
  // Whichever process started it, it is gone; one that is nobody's child any more takes a moment to vanish.
  await untilDead(winners[0]!.pid)
  expect(await readdir(dataDir)).toEqual(['postgres'])
})

test('lets a command beside the server use its database and leaves it running', async () => {
  const dataDir = await temporaryDirectory()
  expect(await findEmbedded(dataDir)).toBeUndefined()
  const server = await start(dataDir)
  expect(await findEmbedded(dataDir)).toBe(server.url)
  const command = await openEmbedded(dataDir)
  expect(command.url).toBe(server.url)
  await command.stop()
  expect(isAlive(server.pid)).toBe(true)
  await server.stop()
  expect(await findEmbedded(dataDir)).toBeUndefined()
})

test('starts the database for a command when no server runs, and stops it after', async () => {
  const dataDir = await temporaryDirectory()
  const command = await openEmbedded(dataDir)
  expect(await query(command.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
  await command.stop()
  expect(await findEmbedded(dataDir)).toBeUndefined()
})

test('leaves nothing behind when the start is aborted', async () => {
  const dataDir = await temporaryDirectory()
  for (const delayMs of [0, 50, 150, 400]) {
    const signal = AbortSignal.timeout(delayMs)
    await startEmbedded({ dataDir, signal }).then(
      (embedded) => embedded.stop(),
      (error) => expect(error).toMatchObject({ name: 'TimeoutError' }),
    )
    expect(await findEmbedded(dataDir)).toBeUndefined()
  }
  const entries = await readdir(dataDir)
  expect(entries.filter((name) => name !== 'postgres')).toEqual([])
})

test('says what to do when another PostgreSQL version made the directory or a file is in its place', async () => {
  const dataDir = await temporaryDirectory()
  await mkdir(join(dataDir, 'postgres'), { recursive: true })
  await writeFile(join(dataDir, 'postgres/something'), '')
  await expect(startEmbedded({ dataDir })).rejects.toThrow(/is in the way: it has files and is not a PostgreSQL data directory/)
  await writeFile(join(dataDir, 'postgres/PG_VERSION'), '9.6\n')
  await expect(startEmbedded({ dataDir })).rejects.toThrow(/made by PostgreSQL 9.6; this Keepsake comes with 18/)
})
