import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createProgram } from '../../src/operator/program.ts'
import { applyForRegistration } from '../../src/providers/applications.ts'
import { insertAggregate, insertDeal, testNetwork } from '../providers/deal-rows.ts'
import { insertChecks } from '../providers/retrieval-rows.ts'
import { createTestDatabase } from '../setup/database.ts'

let test: Awaited<ReturnType<typeof createTestDatabase>>
let dataDir: string
beforeAll(async () => {
  test = await createTestDatabase()
  dataDir = await mkdtemp(join(tmpdir(), 'keepsake-command-'))
})
afterAll(async () => {
  await rm(dataDir, { recursive: true, force: true })
  await test.drop()
})

/** Runs `keepsake providers …` beside a server; what it printed. */
async function run(...args: string[]): Promise<string> {
  let printed = ''
  const capture = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += text
    return true
  })
  const silent = vi.spyOn(process.stderr, 'write').mockImplementation(() => true)
  try {
    const program = createProgram({ env: { DATABASE_URL: test.url, DATA_DIR: dataDir }, signal: new AbortController().signal })
    await program.parseAsync(['providers', ...args, '--network', testNetwork], { from: 'user' })
  } finally {
    capture.mockRestore()
    silent.mockRestore()
  }
  return printed
}

const place = ['--organisation', 'Fjord', '--city', 'Oslo', '--country', 'no', '--continent', 'EU']
const json = async (...args: string[]) => JSON.parse(await run(...args, '--json'))

describe('keepsake providers', () => {
  it('registers one, changes it, suspends it with a reason, and lets it back in', async () => {
    expect(await run('add', 'f01000', ...place)).toBe(`f01000 of Fjord (Oslo, NO) may take pieces on ${testNetwork} now.\n`)
    await expect(run('add', '1000', ...place)).rejects.toThrow('f01000 is registered on')
    expect(await json('set', 'f01000', '--city', 'Bergen', '--retrieval-url', 'https://sp.example.com/')).toMatchObject({
      provider: 'f01000',
      city: 'Bergen',
      retrievalUrl: 'https://sp.example.com',
    })
    await expect(run('set', 'f01000')).rejects.toThrow('Say what to change')
    await run('suspend', 'f01000', '--because', 'lost three sectors')
    expect(await run('list')).toBe('f01000\tFjord\tBergen, NO, EU\t0\t0\t0\tnew\tsuspended: lost three sectors\n')
    expect(await run('resume', 'f01000')).toContain('may take pieces again')
    await expect(run('suspend', 'f01999')).rejects.toThrow('f01999 is not registered')
    await expect(run('show', 'Oslo')).rejects.toThrow('A storage provider is named as in f01234')
  })

  it('lists and shows what each holds, and how it gives that back', async () => {
    const { rows } = await sql<{ id: number }>`select id from provider`.execute(test.database.kysely)
    const { id: aggregateId } = await insertAggregate(test.database)
    const dealId = await insertDeal(test.database, { providerId: rows[0]!.id, aggregateId, state: 'active' })
    await insertChecks(test.database, dealId, { ok: 9, failed: 3 })
    expect(await run()).toBe('f01000\tFjord\tBergen, NO, EU\t1 (1.0 MiB)\t0\t0\tshaky, 75 %\tactive\n')
    const shown = await run('show', 'f01000')
    expect(shown).toMatch(/^Deals, active {3}1 \(1\.0 MiB\)$/m)
    expect(shown).toMatch(
      /^Gives back {6}shaky: 9 of the last 12 checks went well, first byte after 20 ms, 24\.4 KiB\/s; last 2/m,
    )
    expect(shown).toMatch(/^Last failure {4}2.*: Other bytes came\.$/m)
    expect(shown).toMatch(/^Over time {7}·*▆·* {2}since 2.*, each 5 min$/m)
    expect(await json('show', 'f01000')).toMatchObject({
      provider: 'f01000',
      overdue: 0,
      deals: [{ state: 'active', deals: 1, bytes: 2 ** 20 }],
      retrievals: { standing: 'shaky', history: { stepSeconds: 300, steps: [{ checks: 12, verified: 9 }] } },
    })
  })

  it('registers or declines one that asks for it', async () => {
    for (const actorId of [2001, 2002]) {
      const details = {
        name: '',
        organisation: 'Fjord',
        city: 'Oslo',
        country: 'NO',
        continent: 'EU',
        retrievalUrl: null,
      } as const
      await applyForRegistration(
        test.database,
        { network: testNetwork, actorId, place: '192.0.2.1', requestId: crypto.randomUUID(), details },
        async () => {},
      )
    }
    expect(await run('applications')).toMatch(/^2\S+ \S+\tf02001\tFjord\tOslo, NO, EU\t\twaiting\n.*f02002.*\n$/)
    expect(await run('approve', 'f02001')).toContain('f02001 of Fjord (Oslo, NO) may take pieces')
    await run('decline', 'f02002', '--because', 'we know nobody there')
    expect(await run('applications')).toBe('')
    expect(await json('applications', '--all')).toMatchObject([
      { provider: 'f02002', state: 'declined', decidedBy: 'the command', because: 'we know nobody there' },
      { provider: 'f02001', state: 'approved' },
    ])
    await expect(run('approve', 'f02002')).rejects.toThrow('f02002 does not wait to be registered')
  })
})
