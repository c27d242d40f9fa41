import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { call, eventually, fresh, upload, valueIn } from './setup/api.ts'
import { hasBrowser, openBrowser } from './setup/browser.ts'
import { isAlive } from './setup/processes.ts'
import { checkout, type Server, startServer } from './setup/server.ts'
import { openSignedIn } from './setup/signed-in-page.ts'

interface Deal {
  status: string
  miner?: string
  chainDealID?: number
  pieceCid: string
}

interface DevnetStatus {
  network: string
  rpcUrl: string
  head: { epoch: number }
  providers: { provider: string; retrievalUrl: string; isOffline: boolean; deals: { stage: string; dealId: number | null }[] }[]
}

interface Health {
  ok: boolean
  checks: Record<string, { ok: boolean; message?: string }>
}

let server: Server
let key: string
const owner = 'owner@example.com'

beforeAll(async () => {
  // As `npm start` has it, but for the peer.
  server = await startServer({ env: { FILECOIN_RPC: 'devnet', AGGREGATE_PROFILE: 'trial' } })
  key = await server.createKey({ user: await server.createUser(owner) })
}, 120_000)

afterAll(async () => {
  await server.stop()
})

async function keepsake(...args: string[]): Promise<string> {
  const bin = join(checkout, 'packages/cli/bin/keepsake.mjs')
  const { stdout } = await promisify(execFile)(process.execPath, [bin, ...args], {
    env: { PATH: process.env.PATH, HOME: server.dataDir, DATA_DIR: server.dataDir },
  })
  return stdout
}

async function status(): Promise<DevnetStatus> {
  return JSON.parse(await keepsake('devnet', 'status', '--json')) as DevnetStatus
}

async function health(): Promise<Health> {
  return (await (await fetch(`${server.url}/health`)).json()) as Health
}

async function dealsOf(cid: string): Promise<Deal[]> {
  return valueIn<{ deals: Deal[] }>(await call(server.apiUrl, 'GET', `/${cid}`, { key })).deals
}

/** The devnet that the server runs. */
async function devnetPid(): Promise<number> {
  return await eventually(async () => {
    const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=,args='])
    const children = stdout.split('\n').map((line) => line.trim().split(/\s+/))
    const found = children.find(
      ([, parent, ...args]) => Number(parent) === server.pid && args.join(' ').includes('devnet/src/main.ts'),
    )
    return found && Number(found[0])
  }, 60_000)
}

describe('with npm start alone', () => {
  let cid: string

  test('an upload is taken by three storage providers, published, in sectors and proven within a minute or so', async () => {
    await eventually(async () => ((await health()).checks.devnet?.ok ? true : undefined), 60_000)
    const startedAt = performance.now()
    cid = valueIn<{ cid: string }>(await upload(server.apiUrl, key, fresh(200_000), 'application/octet-stream')).cid
    await eventually(async () => {
      const deals = await dealsOf(cid)
      return deals.filter((deal) => deal.status === 'active').length === 3 ? true : undefined
    }, 300_000)
    process.stdout.write(`from upload to three active deals: ${((performance.now() - startedAt) / 1000).toFixed(1)} s\n`)
    const deals = await dealsOf(cid)
    expect(new Set(deals.map(({ miner }) => miner)).size).toBe(3)
    expect(new Set(deals.map(({ pieceCid }) => pieceCid)).size).toBe(1)
  }, 330_000)

  test('each of them gives it back to anybody', async () => {
    for (const { retrievalUrl } of (await status()).providers) {
      const response = await fetch(`${retrievalUrl}/ipfs/${cid}?format=raw`)
      expect(response.status).toBe(200)
    }
  })

  test('the operator sees what they hold, and makes one go away and come back', async () => {
    expect((await status()).providers.map(({ provider, deals }) => [provider, deals.map(({ stage }) => stage)])).toEqual([
      ['f01000', ['committed']],
      ['f01001', ['committed']],
      ['f01002', ['committed']],
    ])
    await keepsake('devnet', 'offline', '--provider', 'f01001')
    expect((await status()).providers.map(({ isOffline }) => isOffline)).toEqual([false, true, false])
    await keepsake('devnet', 'online')
  })

  test('they are fetched from by themselves, and what comes of it is in the metrics', async () => {
    const text = await eventually(async () => {
      const body = await (await fetch(`${server.url}/metrics`)).text()
      return /keepsake_retrieval_success_ratio\{[^}]*provider="f01000"\} 1\n/.test(body) ? body : undefined
    }, 120_000)
    expect(text).toMatch(/keepsake_retrieval_first_byte_seconds\{[^}]*provider="f01000"\}/)
  })

  test.skipIf(!hasBrowser())(
    'the page of the file asks the node of the devnet, and says what it answers, without being let out itself',
    async () => {
      const browser = await openBrowser()
      try {
        await using me = await openSignedIn(browser, server, owner)
        await me.page.goto(`/files/${cid}`)
        await me.page.getByRole('button', { name: 'Check it here' }).click()
        await me.page.getByText(/The devnet's only node, run by this server/).waitFor()
        await me.page.getByRole('button', { name: 'Ask the chain' }).click()
        await me.page
          .getByText(/^The piece is in deal \d+ with f0100\d .*simulated.* Its sector \d+ .* is proving\./)
          .first()
          .waitFor()
        await me.page.getByText('Verified in this browser').waitFor()
        const address = me.page.getByLabel(/^Filecoin node to ask/)
        await address.fill('http://127.0.0.1:9/rpc/v1')
        await me.page.getByRole('button', { name: 'Ask the chain' }).click()
        await me.page.getByText(/^The Filecoin node could not be asked/).waitFor()
        // Only the worker reaches it.
        const escaped = await me.page.evaluate(
          (url) =>
            fetch(url).then(
              () => 'reached',
              () => 'refused',
            ),
          (await status()).rpcUrl,
        )
        expect(escaped).toBe('refused')
      } finally {
        await browser.close()
      }
    },
    60_000,
  )

  test.skipIf(!hasBrowser())(
    'the operator proposes, exports and imports deals on a page, and is told what cannot be',
    async () => {
      const browser = await openBrowser()
      try {
        await keepsake('users', 'promote', owner)
        await using me = await openSignedIn(browser, server, owner)
        const { page } = me
        await page.goto('/admin/deals')
        const deals = page.getByRole('list', { name: 'Deals' }).getByRole('listitem')
        await expect.poll(() => deals.count()).toBe(3)
        await page.getByText('active, proving').first().waitFor()

        await page.getByRole('button', { name: 'Export proposals' }).click()
        await page.getByText('No proposal waits to be handed over.').waitFor()

        await page.getByRole('button', { name: 'Propose' }).click()
        const dialog = page.getByRole('dialog')
        await dialog.getByLabel('Aggregate').fill('1')
        await dialog.getByLabel('Storage provider').fill('f01000')
        await dialog.getByRole('button', { name: 'Propose' }).click()
        await dialog.getByText(/f01000 .*already/).waitFor()
        await dialog.getByRole('button', { name: 'Cancel' }).click()

        const [{ chainDealID }] = (await dealsOf(cid)) as [Deal]
        await page.getByRole('button', { name: 'Import numbers' }).click()
        await dialog.getByRole('textbox').fill(`1=${chainDealID}\n1=999999\n77=1`)
        await dialog.getByRole('button', { name: 'Check and import' }).click()
        await dialog.getByText('There is no such deal: 77.').waitFor()
        await dialog.getByText(/is on the chain already, as number/).waitFor()
        await dialog.getByText('It was known.').waitFor()
        await dialog.getByRole('button', { name: 'Close' }).click()
        expect(me.complaints).toEqual([])
      } finally {
        await browser.close()
      }
    },
    60_000,
  )

  test('a command that cannot be carried out says why', async () => {
    await expect(keepsake('devnet', 'fault', '--provider', 'f01')).rejects.toThrow('There is no provider "f01" here')
    await expect(keepsake('devnet', 'terminate', '--provider', 'f01000')).rejects.toThrow('Give --deal or --sector')
  })
})

describe('the devnet is a process of its own', () => {
  test('while it is down the server stores, says so, and starts it again on the same chain', async () => {
    const { network, head } = await status()
    process.kill(await devnetPid(), 'SIGKILL')
    const down = await eventually(async () => {
      const found = await health()
      return found.checks.devnet?.ok === false ? found : undefined
    })
    expect(down.ok).toBe(true)
    expect(down.checks.devnet?.message).toContain('The Filecoin devnet ended by itself (SIGKILL)')
    valueIn(await upload(server.apiUrl, key, fresh(), 'application/octet-stream'))
    await eventually(async () => ((await health()).checks.devnet?.ok ? true : undefined), 60_000)
    const again = await status()
    expect(again.network).toBe(network)
    expect(again.head.epoch).toBeGreaterThan(head.epoch)
  })

  test('it ends with the server, also when that is killed', async () => {
    const pid = await devnetPid()
    await server.kill('SIGKILL').catch(() => {})
    await eventually(async () => (isAlive(pid) ? undefined : true), 20_000)
    server = await startServer({ env: { FILECOIN_RPC: 'devnet', AGGREGATE_PROFILE: 'trial' }, dataDir: server.dataDir })
    const next = await devnetPid()
    expect(await server.stop()).toBe(0)
    expect(isAlive(next)).toBe(false)
  })
})
