import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { insertAggregate, insertProvider } from '../providers/deal-rows.ts'
import { type Desk, openDesk } from './desk.ts'

const checkout = join(import.meta.dirname, '../../../..')
let desk: Desk
let folder: string
beforeAll(async () => {
  desk = await openDesk()
  folder = await mkdtemp(join(tmpdir(), 'keepsake-deals-'))
})
afterAll(async () => {
  await desk?.[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

it('the examples of the page on deals work, one after the other', { timeout: 180_000 }, async () => {
  const text = await readFile(join(checkout, 'docs/deals.md'), 'utf8')
  const examples = [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, code = '']) => code)
  expect((await insertAggregate(desk.database)).id).toBe(1)
  await insertProvider(desk.database, { actorId: 1234 })
  const env = {
    PATH: process.env.PATH ?? '',
    DATABASE_URL: desk.databaseUrl,
    DATA_DIR: folder,
    FILECOIN_RPC: desk.server.url,
  }
  const outputs: string[] = []
  for (const code of examples) {
    if (code.includes('import 1=4821234')) {
      const { proposal } = await desk.signedOf(1)
      desk.market.set(4_821_234, { proposal })
    }
    const script = code.replaceAll('npx keepsake', `node ${join(checkout, 'packages/cli/bin/keepsake.mjs')}`)
    outputs.push((await promisify(execFile)('sh', ['-e', '-c', script], { cwd: folder, env })).stdout)
  }
  const [wallet, proposed, , imported] = outputs as [string, string, string, string]
  expect(wallet.match(/f1[a-z2-7]{39}/g)).toHaveLength(2)
  expect(proposed).toContain('f01234')
  const { proposals } = JSON.parse(await readFile(join(folder, 'proposals.json'), 'utf8')) as { proposals: object[] }
  expect(proposals).toMatchObject([{ deal: 1, provider: 'f01234', chainDealId: null }])
  expect(imported).toContain('Deal 1 is on the chain as number 4821234.')
  expect(imported).toMatch(/State +published/)
  expect((await desk.row(1)).chain_deal_id).toBe(4_821_234)
})
