import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseConfig } from '../../src/config.ts'
import { checkComponents } from '../../src/status/health.ts'
import type { FakeCluster } from './fake-cluster.ts'
import { startFakeCluster } from './fake-cluster.ts'
import type { PinServer } from './pin-server.ts'
import { startPinServer } from './pin-server.ts'

let cluster: FakeCluster
let server: PinServer
let pinned: string
let failed: string

beforeAll(async () => {
  cluster = await startFakeCluster()
  server = await startPinServer({ PIN_BACKENDS: 'embedded,cluster', CLUSTER_URLS: cluster.url, PIN_ATTEMPTS: '1' })
  pinned = await server.store('pinned')
  await server.sweep()
  cluster.fault = 'error'
  failed = await server.store('failed')
  await server.sweep()
  cluster.fault = undefined
})
afterAll(async () => {
  await server?.[Symbol.asyncDispose]()
  await cluster?.[Symbol.asyncDispose]()
})

interface Outcome {
  code: number
  stdout: string
  stderr: string
}

/** The command as an operator calls it, in a process of its own. */
async function pins(...args: string[]): Promise<Outcome> {
  const program = join(import.meta.dirname, '../../src/operator.ts')
  const { DATA_DIR } = server.service.config
  const env = {
    ...process.env,
    DATABASE_URL: server.service.databaseUrl,
    DATA_DIR,
    PIN_BACKENDS: 'embedded,cluster',
    CLUSTER_URLS: cluster.url,
  }
  try {
    return {
      code: 0,
      ...(await promisify(execFile)(process.execPath, ['--disable-warning=ExperimentalWarning', program, 'pins', ...args], {
        env,
      })),
    }
  } catch (error) {
    const { code, stdout, stderr } = error as Outcome
    return { code, stdout, stderr }
  }
}

describe('whoever runs the server', () => {
  it('sees who keeps how much, and whether they can be used', async () => {
    const { stdout, stderr } = await pins()
    expect(stdout).toMatch(/^embedded\s2\s0\s0\s0\s0\swell$/m)
    expect(stdout).toMatch(/^cluster\s1\s0\s0\s1\s0\swell$/m)
    expect(stderr).toMatch(/keepsake pins list --status failed/)
  })

  it('sees what failed and why, and all about one content', async () => {
    const { stdout } = await pins('list', '--status', 'failed', '--json')
    expect(JSON.parse(stdout)).toMatchObject([
      {
        cid: failed,
        backend: 'cluster',
        status: 'failed',
        attempts: 1,
        nextAttemptAt: null,
        error: expect.stringMatching(/not enough candidates/),
      },
    ])
    const table = await pins('list')
    expect(table.stdout).toMatch(new RegExp(`^${pinned}\\scluster\\spinned`, 'm'))
    expect(table.stdout).toMatch(new RegExp(`^${failed}\\scluster\\sfailed\\s.*\\sgiven up`, 'm'))
    const one = await pins('show', pinned)
    expect(one.stdout).toMatch(/^embedded\spinned/m)
  })

  it('is told what is wrong with a command', async () => {
    expect(await pins('retry')).toMatchObject({ code: 2, stderr: expect.stringMatching(/--all/) })
    expect(await pins('show', 'nonsense')).toMatchObject({ code: 1, stderr: expect.stringMatching(/Invalid CID/) })
  })

  it('has what was given up tried again', async () => {
    expect((await pins('retry', failed, '--backend', 'cluster')).stderr).toMatch(/One pin is tried again now/)
    await server.sweep()
    expect(await server.pinsOf(failed)).toMatchObject({ cluster: { status: 'pinned' } })
    expect((await pins('retry', '--all')).stderr).toMatch(/No such pin has failed/)
  })

  it('can have a sample checked, and hears what is lost', async () => {
    expect(await pins('audit')).toMatchObject({ code: 0, stdout: expect.stringMatching(/cluster: \d+ checked, 0 not there/) })
    cluster.pins.clear()
    expect(await pins('audit')).toMatchObject({ code: 1, stdout: expect.stringMatching(/cluster: \d+ checked, [12] not there/) })
    await server.sweep()
  })

  it('sees in the health report when a backend is away, which is no reason to refuse uploads', async () => {
    expect((await checkComponents(server.service)).checks).toMatchObject({ 'pins: cluster': { ok: true } })
    await cluster.close()
    const report = await checkComponents(server.service)
    await cluster.open()
    expect(report).toMatchObject({
      ok: false,
      checks: { 'pins: cluster': { ok: false, message: expect.stringMatching(/refuses connections/) } },
    })
    const health = await fetch(`http://localhost:${server.port}/health`)
    expect(health.status).toBe(200)
  })

  it('gets the numbers for Prometheus, also under the names of nft.storage', async () => {
    const response = await fetch(`http://localhost:${server.port}/metrics`)
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0.0.4/)
    const text = await response.text()
    expect(text).toMatch(/^# TYPE keepsake_pins gauge$/m)
    expect(text).toMatch(/^keepsake_pins\{backend="embedded",status="pinned"\} 2$/m)
    expect(text).toMatch(/^nftstorage_pins_total\{service="IpfsCluster",status="PinError"\} \d+$/m)
    expect(text).toMatch(/^nftstorage_users_total 1$/m)
    expect(text).toMatch(/^nftstorage_uploads_total\{type="Blob"\} 2$/m)
    expect(text).toMatch(/^keepsake_pin_backend_up\{backend="cluster"\} [01]$/m)
    for (const line of text.trim().split('\n'))
      expect(line).toMatch(/^(# (HELP|TYPE) \w+ .+|\w+(\{(\w+="[^"]*",?)+\})? -?[\d.e+]+)$/)
  })
})

describe('the page about pinning', () => {
  const blocks = async () => {
    const page = await readFile(join(import.meta.dirname, '../../../../docs/pin-backends.md'), 'utf8')
    return [...page.matchAll(/^```\n([\s\S]*?)^```$/gm)].map(([, code = '']) => code.trim().split('\n'))
  }

  it('has settings that a server takes', async () => {
    const settings = (await blocks()).filter(([first]) => first?.startsWith('PIN_BACKENDS='))
    expect(settings.length).toBeGreaterThan(3)
    const all = Object.assign({}, ...settings.flat().map((line) => Object.fromEntries([line.split(/=(.*)/s).slice(0, 2)])))
    for (const lines of settings) {
      // The first example names backends that the others tell how to set up.
      const env = lines.length === 1 ? all : {}
      expect(() =>
        parseConfig({ ...env, ...Object.fromEntries(lines.map((line) => line.split(/=(.*)/s).slice(0, 2))) }),
      ).not.toThrow()
    }
  })

  it('has commands that work', async () => {
    const commands = (await blocks()).flat().filter((line) => line.startsWith('npx keepsake pins'))
    expect(commands.length).toBeGreaterThan(3)
    await server.sweep()
    for (const command of commands) expect((await pins(...command.split(' ').slice(3))).code, command).toBe(0)
  })
})

describe('the owner of a content', () => {
  it('sees in its timeline who pinned it, and what is waited for', async () => {
    const cid = await server.store('on the timeline')
    const steps = async () => {
      const { json } = await server.call(`/${cid}/timeline`, { headers: { authorization: `Bearer ${server.key}` } })
      return Object.fromEntries(json.value.steps.map((step: { step: string }) => [step.step, step]))
    }
    expect(await steps()).toMatchObject({
      'pinned:embedded': { state: 'done', title: 'Pinned by this server' },
      'pinned:cluster': { state: 'waiting', title: 'To be pinned by the IPFS Cluster' },
    })
    cluster.fault = 'trailer'
    await server.sweep()
    expect(await steps()).toMatchObject({ 'pinned:cluster': { state: 'failed', text: expect.stringMatching(/disk full/) } })
    cluster.fault = undefined
  })
})
