import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterAll, describe, expect, it } from 'vitest'
import { checkout, type Server, startServer } from '../setup/server.ts'
import { startsServers } from '../setup/shared.ts'

const env = { AGGREGATE_PROFILE: 'trial', AGGREGATE_SETTLE_SECONDS: '0', AGGREGATE_FORCE_SECONDS: '1', LOG_LEVEL: 'warn' }
const kills = 3
const uploadsBetween = 12
/** Building and validating take milliseconds here; a killed worker's jobs are released when the next one starts. */
const packedWithinMs = 90_000

interface Deal {
  status: string
  pieceCid: string
  batchRootCid: string
  datamodelSelector: string
}

interface Listed {
  aggregates: { id: number; state: string; items: number; reason: string | null }[]
  waiting: { contents: number; obstacleCount: number }
}

describe.runIf(startsServers)('a server that is killed while it packs', () => {
  let server: Server
  let key: string
  let dataDir: string
  const cids: string[] = []
  afterAll(async () => {
    await server?.stop()
    if (dataDir) await rm(dataDir, { recursive: true, force: true })
  })

  const upload = async () => {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'image/png' }
    const response = await fetch(`${server.apiUrl}/upload`, { method: 'POST', headers, body: randomBytes(2_000) })
    const answer = (await response.json()) as { value: { cid: string; deals: Deal[] } }
    expect(answer.value.deals).toEqual([])
    cids.push(answer.value.cid)
  }
  const dealsOf = async (cid: string) => {
    const answer = (await (await fetch(`${server.apiUrl}/check/${cid}`)).json()) as { value: { deals: Deal[] } }
    return answer.value.deals
  }
  const keepsake = async (...args: string[]) => {
    const command = join(checkout, 'packages/cli/bin/keepsake.mjs')
    const options = { env: { ...process.env, ...env, DATA_DIR: dataDir }, timeout: 60_000 }
    return (await promisify(execFile)(process.execPath, [command, ...args], options)).stdout
  }
  const list = async () => JSON.parse(await keepsake('aggregates', 'list', '--json')) as Listed

  it('has every acknowledged upload in one validated aggregate in the end', async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'keepsake-aggregates-'))
    server = await startServer({ dataDir, env })
    key = await server.createKey()
    for (let kill = 0; kill < kills; kill++) {
      for (let index = 0; index < uploadsBetween; index++) await upload()
      // Anywhere from before the first is planned to after all are built.
      await sleep(300 + kill * 700)
      await server.kill('SIGKILL')
      server = await startServer({ dataDir, env })
    }
    const end = Date.now() + packedWithinMs
    for (const cid of cids) {
      while ((await dealsOf(cid)).length === 0) {
        if (Date.now() > end) throw new Error(`${cid} is in no aggregate: ${JSON.stringify(await list())}`)
        await sleep(250)
      }
      expect(await dealsOf(cid)).toMatchObject([{ status: 'queued' }])
    }
    const { aggregates, waiting } = await list()
    expect(aggregates.filter(({ state }) => state !== 'built')).toEqual([])
    expect(aggregates.reduce((sum, { items }) => sum + items, 0)).toBe(cids.length)
    expect(waiting).toMatchObject({ contents: 0, obstacleCount: 0 })
  })

  it('serves each by its path in the aggregate', async () => {
    const cid = cids[0] as string
    const [deal] = await dealsOf(cid)
    const path = `baf...${cid.slice(-2)}/baf...${cid.slice(-4)}/${cid}`
    const response = await fetch(`${server.url}/ipfs/${deal?.batchRootCid}/${path}?format=raw`)
    expect([response.status, (await response.arrayBuffer()).byteLength]).toEqual([200, 2_000])
  })

  it('runs the commands of the page about aggregates', async () => {
    const page = await readFile(join(checkout, 'docs/aggregates.md'), 'utf8')
    const [id] = (await list()).aggregates.map((aggregate) => String(aggregate.id))
    const commands = page.split('\n').filter((line) => line.startsWith('npx keepsake '))
    expect(commands.length).toBeGreaterThan(4)
    for (const command of commands) await keepsake(...command.replace(/ 7$/, ` ${id}`).split(' ').slice(2))
    expect(await keepsake('aggregates', 'validate', String(id))).toContain(`Aggregate ${id} is what it should be`)
  })

  it('tells of them at /metrics', async () => {
    const metrics = await (await fetch(`${server.url}/metrics`)).text()
    expect(metrics).toMatch(/^keepsake_aggregates\{state="built"\} [1-9]/m)
    expect(metrics).toMatch(/^keepsake_packing_obstacles 0$/m)
  })
})
