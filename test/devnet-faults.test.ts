import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { call, eventually, fresh, upload, valueIn } from './setup/api.ts'
import { checkout, type Server, startServer } from './setup/server.ts'
import { startsServers } from './setup/shared.ts'

interface Deal {
  status: string
  statusText: string
  miner?: string
  chainDealID?: number
  pieceCid: string
}

interface Step {
  step: string
  title: string
  state: 'done' | 'waiting' | 'failed'
  text: string
}

const replicas = 3
/** Providers look for work every eight seconds, and their retrievals are checked every minute. */
const soonMs = 180_000

/** What goes wrong on a real network, one after the other on a whole devnet; and what everybody is told meanwhile. */
describe.runIf(startsServers)('on a devnet on which things go wrong', () => {
  let server: Server
  let key: string
  let rpcUrl: string

  beforeAll(async () => {
    // More storage providers than replicas, so that one can stand in for another.
    const devnet = { FILECOIN_RPC: 'devnet', DEVNET_PROVIDERS: '5', DEVNET_EPOCH_MS: '500' }
    const packing = { AGGREGATE_PROFILE: 'trial', AGGREGATE_SETTLE_SECONDS: '0', AGGREGATE_FORCE_SECONDS: '1' }
    server = await startServer({ env: { ...devnet, ...packing } })
    key = await server.createKey()
    rpcUrl = await eventually(async () => {
      const status = await keepsake('devnet', 'status', '--json').catch(() => undefined)
      return status && (JSON.parse(status) as { rpcUrl: string }).rpcUrl
    }, 60_000)
  }, 180_000)

  afterAll(async () => await server?.stop())

  async function keepsake(...args: string[]): Promise<string> {
    const bin = join(checkout, 'packages/cli/bin/keepsake.mjs')
    const env = { PATH: process.env.PATH, HOME: server.dataDir, DATA_DIR: server.dataDir, KEEPSAKE_ENDPOINT: server.url }
    return (await promisify(execFile)(process.execPath, [bin, ...args], { env })).stdout
  }

  async function store(): Promise<string> {
    return valueIn<{ cid: string }>(await upload(server.apiUrl, key, fresh(20_000), 'application/octet-stream')).cid
  }

  async function read<T>(path: string): Promise<T> {
    return valueIn<T>(await call(server.apiUrl, 'GET', path, { key }))
  }

  const dealsOf = async (cid: string) => (await read<{ deals: Deal[] }>(`/check/${cid}`)).deals
  const stepsOf = async (cid: string) =>
    (await read<{ steps: Step[] }>(`/${cid}/timeline`)).steps.filter(({ step }) => step.startsWith('deal'))
  const metrics = async () => await (await fetch(`${server.url}/metrics`)).text()

  async function countActive(proving: string): Promise<number> {
    const found = new RegExp(`^keepsake_active_deals\\{[^}]*proving="${proving}"\\} (\\d+)$`, 'm').exec(await metrics())
    return Number(found?.[1] ?? 0)
  }

  /** Waits until so many deals are as `is` says; what they are else is in the error. */
  async function untilDeals(cid: string, is: (deal: Deal) => boolean, count = replicas): Promise<Deal[]> {
    return await eventually(async () => {
      const found = (await dealsOf(cid)).filter(is)
      return found.length >= count ? found : undefined
    }, soonMs).catch(async (error: Error) => {
      throw new Error(`${error.message} The deals are ${JSON.stringify(await dealsOf(cid))}`)
    })
  }

  async function untilStep(cid: string, miner: string, is: (step: Step) => boolean): Promise<Step> {
    return await eventually(
      async () => (await stepsOf(cid)).find((step) => step.title.endsWith(miner) && is(step)),
      soonMs,
    ).catch(async (error: Error) => {
      throw new Error(`${error.message} The steps are ${JSON.stringify(await stepsOf(cid))}`)
    })
  }

  const isActive = ({ status }: Deal) => status === 'active'
  let cid: string
  let holders: string[]

  test(
    'a deal that is given up is told of and replaced, a faulty sector is not proving until it is, and wrong bytes are noticed',
    async () => {
      cid = await store()
      holders = (await untilDeals(cid, isActive)).map(({ miner }) => miner as string)
      const [leaver, faulty, liar] = holders as [string, string, string]
      for (const miner of holders) await untilStep(cid, miner, ({ state }) => state === 'done')
      const given = (await dealsOf(cid)).find(({ miner }) => miner === leaver) as Deal
      await keepsake('devnet', 'wrong-bytes', '--provider', liar)
      await keepsake('devnet', 'fault', '--provider', faulty)
      await keepsake('devnet', 'terminate', '--provider', leaver, '--deal', String(given.chainDealID))

      const step = await untilStep(cid, faulty, ({ state }) => state === 'failed')
      expect(step.title).toBe(`Active on a devnet: ${faulty}`)
      expect(step.text).toMatch(/is faulty: it was not proven when it had to be\..*simulated storage providers/)
      expect(await countActive('faulty')).toBeGreaterThan(0)
      expect(await untilStep(cid, leaver, ({ state }) => state === 'failed')).toMatchObject({
        title: `Given up on a devnet: ${leaver}`,
      })
      expect((await dealsOf(cid)).find(({ miner }) => miner === leaver)).toMatchObject({ status: 'terminated' })
      // Whoever asks the chain is told the same.
      const verified = await keepsake('verify', cid, '--filecoin-rpc', rpcUrl)
      expect(verified).toMatch(new RegExp(`with ${faulty} on .* is faulty`))
      expect(verified).not.toContain(`with ${leaver}`)

      const now = await untilDeals(cid, isActive)
      expect(now.map(({ miner }) => miner)).not.toContain(leaver)
      await eventually(async () => {
        const [, ratio] =
          new RegExp(`keepsake_retrieval_success_ratio\\{[^}]*provider="${liar}"\\} ([\\d.]+)`).exec(await metrics()) ?? []
        return ratio !== undefined && Number(ratio) < 1 ? true : undefined
      }, soonMs)

      await keepsake('devnet', 'right-bytes')
      await keepsake('devnet', 'recover')
      await untilStep(cid, faulty, ({ state }) => state === 'done')
      await eventually(async () => ((await countActive('faulty')) === 0 ? true : undefined), soonMs)
    },
    4 * soonMs,
  )

  test(
    'a reorganisation that takes back deals is followed, and they are made again, once each',
    async () => {
      const other = await store()
      await untilDeals(other, ({ status }) => status === 'published' || status === 'active', 1)
      await keepsake('devnet', 'reorg', '--depth', '20')
      await eventually(async () => (server.output().includes('the Filecoin chain was reorganised') ? true : undefined), soonMs)
      const deals = await untilDeals(other, isActive)
      expect(new Set(deals.map(({ miner }) => miner)).size).toBe(replicas)
      const ours = JSON.parse(await keepsake('deals', 'list', '--limit', '100', '--json')) as {
        deals: { state: string; pieceCid: string }[]
      }
      const states = ours.deals.filter(({ pieceCid }) => pieceCid === deals[0]?.pieceCid).map(({ state }) => state)
      expect(states).toEqual(Array.from({ length: replicas }, () => 'active'))
      // What was in sectors before is so still.
      expect((await dealsOf(cid)).filter(isActive)).toHaveLength(replicas)
    },
    3 * soonMs,
  )

  test(
    'while all storage providers are gone nothing is said to be with them, and it goes on by itself when they come back',
    async () => {
      await keepsake('devnet', 'offline')
      const waiting = await store()
      await eventually(async () => (await stepsOf(waiting))[0], soonMs)
      expect(await stepsOf(waiting)).toMatchObject([{ step: 'deal', state: 'waiting' }])
      expect((await dealsOf(waiting)).map(({ status }) => status)).toEqual(['queued'])
      // A proving period later nothing was proven.
      await eventually(async () => ((await countActive('proving')) === 0 ? true : undefined), soonMs)
      expect((await stepsOf(cid)).filter(({ state }) => state === 'done')).toEqual([])
      expect(await (await fetch(`${server.url}/health`)).json()).toMatchObject({ ok: true })
      await keepsake('devnet', 'online')
      await untilDeals(waiting, isActive)
      for (const { miner } of (await dealsOf(cid)).filter(isActive))
        await untilStep(cid, miner as string, ({ state }) => state === 'done')
    },
    4 * soonMs,
  )
})
