import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, statfs, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { call, eventually, expectFailure, fresh, type Nft, upload, valueIn } from './setup/api.ts'
import { isAlive, waitForEnd } from './setup/processes.ts'
import { answerTo, open } from './setup/raw-request.ts'
import { StartError, startServer } from './setup/server.ts'
import { startsServers } from './setup/shared.ts'

const run = promisify(execFile)

/** The process id of the embedded PostgreSQL; the first line of its lock file. */
async function postgresPid(dataDir: string): Promise<number> {
  for (const place of ['postgres', 'postgres/data', 'postgres/cluster']) {
    const text = await readFile(join(dataDir, place, 'postmaster.pid'), 'utf8').catch(() => undefined)
    if (text) return Number(text.split('\n')[0])
  }
  throw new Error(`There is no PostgreSQL in ${dataDir}.`)
}

async function failureToStart(options: Parameters<typeof startServer>[0]): Promise<StartError> {
  const outcome = await startServer(options).catch((error: unknown) => error)
  if (outcome instanceof StartError) return outcome
  if (outcome instanceof Error) throw outcome
  await (outcome as Awaited<ReturnType<typeof startServer>>).stop()
  throw new Error('The server started.')
}

const healthOf = async (url: string) => {
  const response = await fetch(`${url}/health`)
  return {
    status: response.status,
    report: (await response.json()) as { ok: boolean; checks: Record<string, { ok: boolean; message?: string }> },
  }
}

describe.skipIf(!startsServers)('a server', () => {
  let dataDir: string
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'keepsake-start-stop-'))
  })
  afterEach(() => rm(dataDir, { recursive: true, force: true }))

  it('says where it is once it is ready, and how to begin', async () => {
    await using server = await startServer({ dataDir })
    expect(server.output()).toContain(`Keepsake is ready at http://localhost:${server.port}\n`)
    expect(server.output()).toMatch(/keepsake users create \S+@\S+/)
    expect((await healthOf(server.url)).status).toBe(200)
  })

  it('is up again quickly on the same data, with everything there', async () => {
    const first = await startServer({ dataDir })
    const key = await first.createKey()
    const bytes = fresh(300_000)
    const nft = valueIn(await upload(first.apiUrl, key, bytes, 'image/png'))
    const pid = await postgresPid(dataDir)
    expect(await first.stop()).toBe(0)
    await waitForEnd(pid)
    const startedAt = Date.now()
    await using second = await startServer({ dataDir })
    expect(Date.now() - startedAt).toBeLessThan(10_000)
    expect(valueIn(await call(second.apiUrl, 'GET', `/${nft.cid}`, { key }))).toEqual(nft)
    expect(Buffer.compare(Buffer.from(await (await fetch(`${second.url}/ipfs/${nft.cid}`)).arrayBuffer()), bytes)).toBe(0)
  })

  it('refuses a folder that another server works on, and does not harm that one', async () => {
    await using first = await startServer({ dataDir })
    const key = await first.createKey()
    const { exitCode, output } = await failureToStart({ dataDir })
    expect(exitCode).toBe(1)
    expect(output).toMatch(new RegExp(`Keepsake cannot start: .*already running on ${dataDir} \\(pid ${first.pid}\\)`))
    expect(output).not.toMatch(/\n\s+at /)
    valueIn(await upload(first.apiUrl, key, fresh(), 'image/png'))
    expect((await healthOf(first.url)).status).toBe(200)
  })

  it('refuses a port that is taken, and leaves nothing running', async () => {
    await using first = await startServer({ dataDir })
    const other = await mkdtemp(join(tmpdir(), 'keepsake-start-stop-'))
    const { exitCode, output } = await failureToStart({ dataDir: other, env: { PORT: String(first.port) } })
    expect(exitCode).toBe(1)
    expect(output).toMatch(/Keepsake cannot start: .*(address already in use|EADDRINUSE).*\d+/)
    await expect(postgresPid(other)).rejects.toThrow('There is no PostgreSQL')
    await rm(other, { recursive: true })
  })

  it('reports all mistakes in its configuration at once, and no secret', async () => {
    const env = {
      PORT: 'eighty',
      LOG_LEVEL: 'loud',
      DATABASE_URL: 'mysql://localhost/x',
      KEY_SECRET: 'hunter2',
      MAX_UPLOAD_BYTES: '-1',
      ROLE: 'king',
    }
    const startedAt = Date.now()
    const { exitCode, output } = await failureToStart({ dataDir, env })
    expect(exitCode).toBe(1)
    expect(output).toContain('6 mistakes')
    for (const name of Object.keys(env)) expect(output).toMatch(new RegExp(`^\\s*${name}: expected .+, got `, 'm'))
    expect(output).toContain('"eighty"')
    expect(output).not.toContain('hunter2')
    expect(output).not.toMatch(/\n\s+at /)
    expect(Date.now() - startedAt).toBeLessThan(10_000)
  })

  it('says so when its folder cannot be used', async () => {
    await writeFile(join(dataDir, 'file'), '')
    const { exitCode, output } = await failureToStart({ dataDir: join(dataDir, 'file') })
    expect(exitCode).toBe(1)
    expect(output).toContain('Keepsake cannot start')
    expect(output).toContain(join(dataDir, 'file'))
  })

  it('completes an upload that runs when SIGTERM comes, ends with 0, and takes PostgreSQL with it', async () => {
    const server = await startServer({ dataDir })
    const key = await server.createKey()
    const pid = await postgresPid(dataDir)
    const bytes = fresh(2_000_000)
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'image/png', 'content-length': String(bytes.length) }
    const pending = open(server.url, { path: '/api/upload', headers })
    const answer = answerTo(pending)
    pending.write(bytes.subarray(0, 1_000_000))
    await sleep(300)
    const ended = server.kill('SIGTERM')
    await sleep(700)
    expect(isAlive(server.pid)).toBe(true)
    pending.end(bytes.subarray(1_000_000))
    const nft = valueIn(await answer)
    expect(await ended).toBe(0)
    expect(isAlive(pid)).toBe(false)
    await using again = await startServer({ dataDir })
    expect(valueIn(await call(again.apiUrl, 'GET', `/${nft.cid}`, { key }))).toEqual(nft)
  })

  it('is not kept from ending by idle connections', async () => {
    const server = await startServer({ dataDir })
    const sockets = Array.from({ length: 3 }, () => connect(server.port, '127.0.0.1'))
    for (const socket of sockets) socket.on('error', () => {})
    await fetch(`${server.url}/health`)
    const startedAt = Date.now()
    expect(await server.kill('SIGTERM')).toBe(0)
    expect(Date.now() - startedAt).toBeLessThan(10_000)
    for (const socket of sockets) socket.destroy()
  })

  it('takes SIGINT for SIGTERM', async () => {
    const server = await startServer({ dataDir })
    expect(await server.kill('SIGINT')).toBe(0)
  })

  it('comes back after kill -9 with all that was acknowledged', async () => {
    const server = await startServer({ dataDir })
    const key = await server.createKey()
    const nft = valueIn(await upload(server.apiUrl, key, fresh(), 'image/png'))
    await server.kill('SIGKILL').catch(() => undefined)
    await using again = await startServer({ dataDir })
    expect(valueIn(await call(again.apiUrl, 'GET', `/${nft.cid}`, { key }))).toEqual(nft)
  })

  const outward = Object.values(networkInterfaces())
    .flat()
    .find((address) => address?.family === 'IPv4' && !address.internal)?.address
  it.skipIf(!outward)('cannot be reached from other machines unless HOST says so', async () => {
    const reach = (port: number) => fetch(`http://${outward}:${port}/health`, { signal: AbortSignal.timeout(2_000) })
    const closed = await startServer({ dataDir })
    await expect(reach(closed.port)).rejects.toThrow()
    await closed.stop()
    await using opened = await startServer({ dataDir, env: { HOST: '0.0.0.0' } })
    expect((await reach(opened.port)).status).toBe(200)
  })

  it('starts no PostgreSQL of its own when DATABASE_URL names one', async () => {
    const env = { KEY_SECRET: 'the same secret for both of the servers' }
    await using first = await startServer({ env })
    const key = await first.createKey()
    // The database that the first one embeds is the nearest PostgreSQL there is.
    const [password, port] = await Promise.all(
      ['keepsake-password', 'keepsake-port'].map((name) => readFile(join(first.dataDir, 'postgres', name), 'utf8')),
    )
    const url = `postgres://keepsake:${password!.trim()}@127.0.0.1:${port!.trim()}/keepsake`
    await using second = await startServer({ dataDir, env: { ...env, DATABASE_URL: url } })
    await expect(postgresPid(dataDir)).rejects.toThrow('There is no PostgreSQL')
    const nft = valueIn(await upload(second.apiUrl, key, fresh(), 'image/png'))
    expect(valueIn(await call(first.apiUrl, 'GET', `/${nft.cid}`, { key }))).toEqual(nft)
    expect(second.output() + first.output()).not.toContain(password!.trim())
  })

  it('says so when DATABASE_URL leads nowhere, without its password', async () => {
    const { exitCode, output } = await failureToStart({ dataDir, env: { DATABASE_URL: 'postgres://me:hunter2@127.0.0.1:1/x' } })
    expect(exitCode).toBe(1)
    expect(output).toContain('Keepsake cannot start')
    expect(output).not.toContain('hunter2')
  })

  it('is unhealthy while PostgreSQL is gone, and recovers by itself', async () => {
    await using server = await startServer({ dataDir })
    const key = await server.createKey()
    const { cid } = valueIn(await upload(server.apiUrl, key, fresh(), 'image/png'))
    process.kill(await postgresPid(dataDir), 'SIGKILL')
    const seen: number[] = []
    await eventually(async () => {
      seen.push((await healthOf(server.url)).status)
      return seen.includes(503) ? true : undefined
    }, 5_000).catch(() => undefined)
    await eventually(async () => ((await healthOf(server.url)).status === 200 ? true : undefined), 30_000)
    expect(valueIn(await call(server.apiUrl, 'GET', `/${cid}`, { key })).cid).toBe(cid)
    valueIn(await upload(server.apiUrl, key, fresh(), 'image/png'))
    for (const status of seen) expect([200, 503]).toContain(status)
  })

  it.skipIf(process.platform !== 'linux' || process.getuid?.() !== 0)(
    'is unhealthy while the disk is full, refuses uploads with 507, and recovers',
    async () => {
      const blobs = join(dataDir, 'blobs')
      await mkdir(blobs)
      await run('mount', ['-t', 'tmpfs', '-o', 'size=8m,mode=0777', 'tmpfs', blobs])
      try {
        await using server = await startServer({ dataDir })
        const key = await server.createKey()
        const { cid } = valueIn(await upload(server.apiUrl, key, fresh(100_000), 'image/png'))
        const { bavail, bsize } = await statfs(blobs)
        await writeFile(join(blobs, 'filler'), new Uint8Array(bavail * bsize))
        const { status, report } = await healthOf(server.url)
        expect(status).toBe(503)
        expect(report).toMatchObject({
          ok: false,
          checks: { blobs: { ok: false, message: expect.stringMatching(/ENOSPC|space/) }, database: { ok: true } },
        })
        expectFailure(await upload(server.apiUrl, key, fresh(500_000), 'image/png'), 507, 'ERROR_NO_SPACE', /no room left/)
        expect((await fetch(`${server.url}/ipfs/${cid}`)).status).toBe(200)
        await rm(join(blobs, 'filler'))
        expect((await healthOf(server.url)).status).toBe(200)
        valueIn(await upload(server.apiUrl, key, fresh(500_000), 'image/png'))
        expect(valueIn<Nft[]>(await call(server.apiUrl, 'GET', '/', { key }))).toHaveLength(2)
      } finally {
        await run('umount', [blobs])
      }
    },
  )
})
