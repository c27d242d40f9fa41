import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { openRpc } from '@keepsake/filecoin/rpc/client.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type DevnetProcess, startDevnet } from '../../packages/devnet/test/process.ts'
import { eventually, fresh, upload, valueIn } from '../setup/api.ts'
import { freePort } from '../setup/free-port.ts'
import { checkout, type Server, startServer } from '../setup/server.ts'
import { startsServers } from '../setup/shared.ts'
import { seededRandom } from './seeded.ts'

const kills = Number(process.env.KEEPSAKE_DEAL_KILLS || 4)
const seed = process.env.KEEPSAKE_DEAL_KILL_SEED || randomBytes(4).toString('hex')
const random = seededRandom(`deals ${seed}`)
const replicas = 3
/** A provider looks for work every eight seconds, and rests a little after whatever it could not do while the server was away. */
const arrivedWithinMs = 240_000

interface Deal {
  status: string
  pieceCid: string
  miner?: string
  chainDealID?: number
}

interface OnChain {
  id: number
  pieceCid: string
  provider: string
  isActive: boolean
}

describe.runIf(startsServers)('a server that is killed while deals are made', () => {
  let dataDir: string
  let devnet: DevnetProcess
  let server: Server
  let key: string
  let env: Record<string, string>
  const cids: string[] = []

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'keepsake-deal-kills-'))
    // The network goes on while the server is away, so it is not the server's own.
    const port = await freePort()
    const settings = { DEVNET_KEEPSAKE_URL: `http://127.0.0.1:${port}`, DEVNET_EPOCH_MS: '500' }
    devnet = await startDevnet(join(dataDir, 'devnet'), settings)
    env = {
      PORT: String(port),
      DATA_DIR: join(dataDir, 'server'),
      FILECOIN_RPC: devnet.rpcUrl,
      AGGREGATE_PROFILE: 'trial',
      AGGREGATE_SETTLE_SECONDS: '0',
      AGGREGATE_FORCE_SECONDS: '1',
      LOG_LEVEL: process.env.LOG_LEVEL ?? 'warn',
    }
    server = await startServer({ env, dataDir: env.DATA_DIR as string })
    key = await server.createKey()
    await eventually(async () => ((await follows()) ? true : undefined), 60_000)
    await Promise.all(devnet.providers.map(register))
    const address = /f1\w+/.exec(await keepsake('wallet', 'new'))?.[0]
    await devnet.command('fund', { address, amount: 1_000 })
  }, 180_000)

  afterAll(async () => {
    await server?.stop()
    await devnet?.end()
    await rm(dataDir, { recursive: true, force: true })
  })

  async function keepsake(...args: string[]): Promise<string> {
    const command = join(checkout, 'packages/cli/bin/keepsake.mjs')
    const options = { env: { PATH: process.env.PATH ?? '', HOME: dataDir, ...env }, timeout: 60_000 }
    return (await promisify(execFile)(process.execPath, [command, ...args], options)).stdout
  }

  async function register({ actorId, city, retrievalUrl }: DevnetProcess['providers'][number]): Promise<void> {
    const where = ['--organisation', city, '--city', city, '--country', city.slice(0, 2).toUpperCase(), '--continent', 'EU']
    await keepsake('providers', 'add', `f0${actorId}`, ...where, '--retrieval-url', retrievalUrl)
  }

  async function follows(): Promise<boolean> {
    const health = (await (await fetch(`${server.url}/health`)).json()) as { checks: Record<string, { ok: boolean }> }
    return health.checks.filecoin?.ok ?? false
  }

  async function dealsOf(cid: string): Promise<Deal[]> {
    const answer = (await (await fetch(`${server.apiUrl}/check/${cid}`)).json()) as { value: { deals: Deal[] } }
    return answer.value.deals
  }

  /** Everything that was ever published on the chain. */
  async function allOnChain(): Promise<OnChain[]> {
    const rpc = openRpc({ endpoints: [{ url: devnet.rpcUrl }] })
    const found: OnChain[] = []
    // The market gives numbers one after the other.
    for (let id = 0, misses = 0; misses < 3; id++) {
      const deal = (await rpc.call('StateMarketStorageDeal', [id, null]).catch(() => undefined)) as
        | { Proposal: { PieceCID: { '/': string }; Provider: string }; State: { SectorStartEpoch: number } }
        | undefined
      if (!deal) misses++
      else {
        misses = 0
        const { Proposal, State } = deal
        const isActive = State.SectorStartEpoch >= 0
        found.push({ id, pieceCid: Proposal.PieceCID['/'], provider: Proposal.Provider.replace(/^t/, 'f'), isActive })
      }
    }
    return found
  }

  /** What the server says is active and is not, by the chain as it is afterwards. */
  async function untrue(): Promise<string[]> {
    const said = new Map<number, Deal>()
    for (const cid of cids) {
      for (const deal of await dealsOf(cid)) if (deal.status === 'active') said.set(deal.chainDealID as number, deal)
    }
    const chain = new Map((await allOnChain()).map((deal) => [deal.id, deal]))
    return [...said].flatMap(([id, { pieceCid, miner }]) => {
      const is = chain.get(id)
      const isTrue = is?.isActive && is.pieceCid === pieceCid && is.provider === miner
      return isTrue ? [] : [`deal ${id} of ${pieceCid} with ${miner}, and the chain has ${JSON.stringify(is)}`]
    })
  }

  it(`deals nothing twice and says nothing untrue in ${kills} kills, and all arrives`, {
    timeout: 60_000 + arrivedWithinMs + kills * 40_000,
  }, async () => {
    const say = (text: string) => `KEEPSAKE_DEAL_KILL_SEED=${seed}, ${text}`
    process.stdout.write(`  ${say(`${kills} kills`)}\n`)
    for (let kill = 0; kill < kills; kill++) {
      cids.push(valueIn<{ cid: string }>(await upload(server.apiUrl, key, fresh(2_000), 'application/octet-stream')).cid)
      // From before anything is packed to after deals are in sectors: providers come by every eight seconds.
      await sleep(random.between(0, 9_000))
      await server.kill('SIGKILL')
      server = await startServer({ env, dataDir: env.DATA_DIR as string })
      expect(await untrue(), say(`after kill ${kill + 1}`)).toEqual([])
    }
    const pieces = new Set<string>()
    for (const cid of cids) {
      const deals = await eventually(async () => {
        const found = await dealsOf(cid)
        return found.filter(({ status }) => status === 'active').length === replicas ? found : undefined
      }, arrivedWithinMs).catch(async () => {
        throw new Error(say(`${cid} has ${JSON.stringify(await dealsOf(cid))}`))
      })
      expect(new Set(deals.map(({ miner }) => miner)).size, say(cid)).toBe(replicas)
      for (const { pieceCid } of deals) pieces.add(pieceCid)
    }
    expect(await untrue(), say('at the end')).toEqual([])
    const chain = await allOnChain()
    const pairs = chain.map(({ pieceCid, provider }) => `${pieceCid} ${provider}`)
    expect(pairs.length, say('deals were made twice')).toBe(new Set(pairs).size)
    expect(chain.length).toBe(pieces.size * replicas)
  })
})
