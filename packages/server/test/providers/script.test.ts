import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { closeAll, finishNow } from '../../src/aggregates/operate.ts'
import { packingRules } from '../../src/aggregates/rules.ts'
import { type Portal, startPortal } from './portal.ts'

let portal: Portal
let folder: string
let piece: string

beforeAll(async () => {
  portal = await startPortal()
  await portal.addProvider(1001)
  folder = await mkdtemp(join(tmpdir(), 'keepsake-sp-'))
  const script = await fetch(`http://localhost:${portal.server.port}/sp/keepsake-sp.sh`)
  await writeFile(join(folder, 'keepsake-sp.sh'), await script.text())
  const { service } = portal.server
  const { key } = await portal.server.createUser('artist@example.com')
  const stored = await portal.server.call('/upload', {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: Buffer.alloc(300_000, 7),
  })
  expect(stored.status).toBe(200)
  for (const id of await closeAll(service, packingRules(service.config)!))
    await finishNow(service, id, { onStep() {}, onProgress() {} })
})
afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
  await portal[Symbol.asyncDispose]()
})

interface Ran {
  code: number
  stdout: string
  stderr: string
}

function run(args: string[], env: Record<string, string> = {}): Promise<Ran> {
  const lotus = { KEEPSAKE_PROVIDER: 'f01001', LOTUS_URL: portal.node.url, LOTUS_TOKEN: 'secret' }
  return new Promise((resolve) => {
    execFile(
      'sh',
      ['keepsake-sp.sh', ...args],
      { cwd: folder, env: { PATH: process.env.PATH as string, ...lotus, ...env } },
      (error, stdout, stderr) => resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    )
  })
}

const hasPrograms = await new Promise<boolean>((resolve) =>
  execFile('sh', ['-c', 'command -v curl && command -v jq'], (error) => resolve(!error)),
)
if (!hasPrograms) process.stderr.write('The script for storage providers is not run: curl or jq is not here.\n')

describe.skipIf(!hasPrograms)('the script for storage providers', () => {
  it('says what it does, also without a node', async () => {
    const { code, stdout } = await run(['help'], { LOTUS_URL: '' })
    expect(code).toBe(0)
    expect(stdout).toContain('request PIECE_CID   take one')
    expect(stdout).not.toContain('set -eu')
  })

  it('shows who asks, lists, takes, and downloads what it took', async () => {
    const status = await run(['status'])
    expect(JSON.parse(status.stdout)).toMatchObject({ provider: 'f01001', registered: true })
    const list = await run(['list'])
    expect(list).toMatchObject({ code: 0, stdout: expect.stringMatching(/^baga6ea4sea\w+\t\d+\t0\n$/) })
    piece = list.stdout.split('\t')[0] as string
    const taken = await run(['request', piece])
    expect(JSON.parse(taken.stdout)).toMatchObject({ piece_cid: piece, deal_proposal_id: expect.any(String) })
    const start = portal.node.epochNow() + 2880
    const { rows } = await sql<{
      cid: Uint8Array
    }>`update deal set state = 'proposed', proposal = 'x', proposal_cid = decode('0171a0e40220' || repeat('ab', 32), 'hex'),
      start_epoch = ${start}, end_epoch = ${start + 1_000_000} returning proposal_cid as cid`.execute(portal.database.kysely)
    expect(rows).toHaveLength(1)
    const downloaded = await run(['download', 'pieces'])
    expect(downloaded).toMatchObject({ code: 0, stdout: `pieces/${piece}.car\n` })
    const bytes = await readFile(join(folder, 'pieces', `${piece}.car`))
    const whole = Buffer.from(await (await fetch(`http://localhost:${portal.server.port}/piece/${piece}`)).arrayBuffer())
    expect(bytes.equals(whole)).toBe(true)
    const { stdout } = await run(['import', 'pieces'])
    expect(stdout).toContain(`boostd import-data bafy2bza`)
    expect(stdout).toContain(` pieces/${piece}.car\n`)
    expect(stdout).toContain(`URL = "http://localhost:${portal.server.port}/piece"`)
  })

  it('asks to be registered with what it is told to say', async () => {
    await portal.addProvider(1002, { isRegistered: false })
    const env = { KEEPSAKE_PROVIDER: 'f01002' }
    const { code, stdout } = await run(['register', 'Über & Söhne', 'São Paulo', 'BR', 'SA', 'https://sp.example.com/a b'], env)
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      state: 'waiting',
      organisation: 'Über & Söhne',
      city: 'São Paulo',
      country: 'BR',
      continent: 'SA',
      retrieval_url: 'https://sp.example.com/a%20b',
    })
    expect(JSON.parse((await run(['status'], env)).stdout)).toMatchObject({
      registered: false,
      application: { state: 'waiting' },
    })
    expect(await run(['register', 'Ohne Ort'], env)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('say who you are: register'),
    })
  })

  it('tells every reason of a refusal, and fails', async () => {
    const { code, stdout, stderr } = await run(['request', piece])
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain(
      'keepsake-sp: refused (4021 ErrProviderHasReplica):\n  This provider holds a replica of the piece already',
    )
  })

  it('knows Lotus as Lotus does', async () => {
    const { port } = new URL(portal.node.url)
    const { code, stdout } = await run(['header'], { LOTUS_URL: '', FULLNODE_API_INFO: `a.b.c:/ip4/127.0.0.1/tcp/${port}/http` })
    expect(code).toBe(0)
    expect(await portal.ask('status', stdout.trim())).toMatchObject({ status: 200 })
  })

  it.each([
    ['Lotus is away', { LOTUS_URL: 'http://127.0.0.1:9/rpc/v1' }, 'Lotus does not answer at http://127.0.0.1:9/rpc/v1'],
    [
      'Lotus knows no such provider',
      { KEEPSAKE_PROVIDER: 'f07' },
      'Lotus refused StateMinerInfo: loading actor: actor not found',
    ],
    ['nobody says who asks', { KEEPSAKE_PROVIDER: '' }, 'say who you are: KEEPSAKE_PROVIDER=f01234'],
    ['the server is away', { KEEPSAKE_URL: 'http://127.0.0.1:9' }, 'http://127.0.0.1:9 does not answer'],
  ])('says so and fails where %s', async (_what, env, line) => {
    const { code, stdout, stderr } = await run(['list'], env)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain(`keepsake-sp: ${line}`)
  })
})
