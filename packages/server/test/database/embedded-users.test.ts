import { execFileSync } from 'node:child_process'
import { chmod, chown, lchown, mkdir, opendir, readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { startEmbedded } from '../../src/database/embedded.ts'
import { temporaryDirectory } from './fixtures/directory.ts'
import { hold, query } from './fixtures/processes.ts'

const isRoot = process.getuid?.() === 0
const ordinaryUser = 65534

if (!isRoot) console.warn('skipped: what differs when Keepsake runs as root can only be tested by root')

async function start(dataDir: string) {
  const embedded = await startEmbedded({ dataDir })
  onTestFinished(embedded.stop)
  return embedded
}

async function uidOf(pid: number): Promise<number> {
  return Number(/^Uid:\s+(\d+)/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1])
}

async function giveToRoot(path: string): Promise<void> {
  for await (const entry of await opendir(path, { recursive: true })) await lchown(join(entry.parentPath, entry.name), 0, 0)
  await chown(path, 0, 0)
}

test.skipIf(!isRoot)('runs PostgreSQL as an ordinary user without privileges when Keepsake is root', async () => {
  const dataDir = await temporaryDirectory()
  // mkdtemp makes folders nobody else may enter.
  await chmod(dirname(dataDir), 0o755)
  const { pid, url } = await start(dataDir)
  expect(await uidOf(pid)).not.toBe(0)
  expect((await stat(join(dataDir, 'postgres'))).uid).toBe(await uidOf(pid))
  expect(await readFile(`/proc/${pid}/status`, 'utf8')).toMatch(/^CapEff:\s+0+$/m)
  expect(await query(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
})

test.skipIf(!isRoot)('works below a folder that only root may enter, with no privilege but to pass through', async () => {
  const dataDir = await temporaryDirectory()
  await chmod(dirname(dataDir), 0o700)
  const { pid, url } = await start(dataDir)
  expect(await uidOf(pid)).not.toBe(0)
  // Bit 2 is CAP_DAC_READ_SEARCH.
  expect(await readFile(`/proc/${pid}/status`, 'utf8')).toMatch(/^CapEff:\s+0{15}4$/m)
  expect(await query(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
})

test.skipIf(!isRoot)('says what to do when PostgreSQL cannot reach the folder', async () => {
  const dataDir = await temporaryDirectory()
  await chmod(dirname(dataDir), 0o700)
  const { PATH } = process.env
  onTestFinished(() => {
    process.env.PATH = PATH
  })
  // Without setpriv on the path there is no way in.
  const tools = join(dirname(dataDir), 'tools')
  await mkdir(tools)
  for (const name of ['test', 'id']) execFileSync('ln', ['-s', `/usr/bin/${name}`, tools])
  process.env.PATH = tools
  await expect(startEmbedded({ dataDir })).rejects.toThrow(new RegExp(`cannot enter ${dataDir}.*DATABASE_URL`))
})

test.skipIf(!isRoot)('takes back a database that a restored backup gave to root', async () => {
  const dataDir = await temporaryDirectory()
  const first = await start(dataDir)
  await query(first.url, 'CREATE TABLE kept AS SELECT 7 AS n')
  await first.stop()
  await giveToRoot(join(dataDir, 'postgres'))
  const second = await start(dataDir)
  expect(await query(second.url, 'SELECT n FROM kept')).toEqual([{ n: 7 }])
})

test.skipIf(!isRoot)('runs as an ordinary user, and root can then go on with the same directory', async () => {
  const dataDir = await temporaryDirectory()
  await mkdir(dataDir)
  await chmod(dirname(dataDir), 0o755)
  await chown(dataDir, ordinaryUser, ordinaryUser)
  const first = await hold(dataDir, { user: ordinaryUser })
  expect(first.error).toBe('')
  await query(first.url, 'CREATE TABLE kept AS SELECT 7 AS n')
  expect(await uidOf(first.pid)).toBe(ordinaryUser)
  await first.stop()
  const second = await start(dataDir)
  expect(await uidOf(second.pid)).toBe(ordinaryUser)
  expect(await query(second.url, 'SELECT n FROM kept')).toEqual([{ n: 7 }])
})

test.skipIf(!isRoot)('lets the owner of the database go on with what root started', async () => {
  const dataDir = await temporaryDirectory()
  await chmod(dirname(dataDir), 0o755)
  await (await start(dataDir)).stop()
  const { uid } = await stat(join(dataDir, 'postgres'))
  const second = await hold(dataDir, { user: uid })
  expect(second.error).toBe('')
  expect(await query(second.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
  await second.stop()
})

test.skipIf(!isRoot)('tells an ordinary user that the database belongs to somebody else', async () => {
  const dataDir = await temporaryDirectory()
  await chmod(dirname(dataDir), 0o755)
  await (await start(dataDir)).stop()
  const refused = await hold(dataDir, { user: ordinaryUser })
  expect(refused.error).toMatch(/belongs to user \d+, and Keepsake runs as user 65534.*chown/)
})
