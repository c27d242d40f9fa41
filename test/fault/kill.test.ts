import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, it } from 'vitest'
import { type Server, startServer } from '../setup/server.ts'
import { startsServers } from '../setup/shared.ts'
import { auditBytes, auditList, auditStaging, finishChunks } from './audit.ts'
import { type Ledger, openLedger } from './ledger.ts'
import { startLoad } from './load.ts'
import { killAll, postgresPids, postmasterPid } from './postmaster.ts'
import { type Random, seededRandom } from './seeded.ts'

const kills = Number(process.env.KEEPSAKE_KILLS || 100)
const seed = process.env.KEEPSAKE_KILL_SEED || randomBytes(4).toString('hex')
/** The server gives up on a PostgreSQL that ends more than five times in a minute, and says so: that is another promise. */
const maxPostmasterKillsInARow = 4
const olderReadBack = 40

type Victim = 'server' | 'server and PostgreSQL' | 'postmaster'

function chooseVictim(random: Random, postmasterKillsInARow: number): Victim {
  const dice = random.between(1, 20)
  if (dice <= 9) return 'server'
  return dice <= 15 || postmasterKillsInARow >= maxPostmasterKillsInARow ? 'server and PostgreSQL' : 'postmaster'
}

/** The last words of a server, without the many lines that a dying database causes. */
const lastWords = (output: string) =>
  output
    .split('\n')
    .filter((line) => !line.includes('a connection to PostgreSQL broke'))
    .map((line) => line.slice(0, 400))
    .slice(-25)
    .join('\n')

async function waitForHealth({ url, output, ended, pid }: Server): Promise<void> {
  for (const end = Date.now() + 30_000; ; await sleep(25)) {
    const response = await fetch(`${url}/health`).catch(() => undefined)
    const text = await response?.text()
    if (response?.status === 200) return
    if (Date.now() < end && ended() === undefined) continue
    const how = ended() === undefined ? 'runs' : `ended with ${ended()}`
    throw new Error(
      `KEEPSAKE_KILL_SEED=${seed}: server ${pid} ${how}, and /health is ${response?.status}: ${text}\n${lastWords(output())}`,
    )
  }
}

/** Kills and gives the server that runs afterwards: the same one where only its PostgreSQL died. */
async function killOnce(server: Server, victim: Victim): Promise<Server> {
  if (victim === 'postmaster') {
    killAll([await postmasterPid(server.dataDir)])
    return server
  }
  const postgres = victim === 'server' ? [] : await postgresPids(server.dataDir)
  killAll(postgres)
  await server.kill('SIGKILL')
  return await startServer({ dataDir: server.dataDir, env: { LOG_LEVEL: 'warn' } })
}

function failWith(losses: readonly string[], { kills: count }: Ledger, victim: string, { output }: Server): void {
  if (losses.length === 0) return
  const shown = losses.slice(0, 20).map((loss) => `  ${loss}`)
  throw new Error(
    [
      `KEEPSAKE_KILL_SEED=${seed}: after kill ${count} (${victim}) ${losses.length} things are wrong:`,
      ...shown,
      lastWords(output()),
    ].join('\n'),
  )
}

describe.skipIf(!startsServers)('a server that is killed at random moments', () => {
  let dataDir: string | undefined
  let running: Server | undefined
  afterAll(async () => {
    await running?.stop()
    if (dataDir !== undefined) await rm(dataDir, { recursive: true, force: true })
  })

  it(`loses nothing it acknowledged in ${kills} kills`, { timeout: 120_000 + kills * 20_000 }, async () => {
    const begin = Date.now()
    const random = seededRandom(seed)
    const ledger = openLedger(seed)
    dataDir = await mkdtemp(join(tmpdir(), 'keepsake-kill-'))
    let server = await startServer({ dataDir, env: { LOG_LEVEL: 'warn' } })
    running = server
    const key = await server.createKey()
    let postmasterKills = 0
    const victims: Record<Victim, number> = { server: 0, 'server and PostgreSQL': 0, postmaster: 0 }
    while (ledger.kills < kills) {
      const load = startLoad({ url: server.url, key }, ledger)
      await sleep(random.between(50, 800))
      const victim = chooseVictim(random, postmasterKills)
      postmasterKills = victim === 'postmaster' ? postmasterKills + 1 : 0
      victims[victim]++
      load.expectFailures()
      const before = ledger.kills
      const killed = server
      const restarted = killOnce(server, victim)
      await load.stop()
      server = await restarted
      running = server
      failWith(load.mistakes, ledger, victim, killed)
      ledger.kills++
      await waitForHealth(server)
      const api = { url: server.url, key }
      failWith(await auditList(api, ledger), ledger, victim, server)
      const fresh = ledger.entries.filter(({ changedAt }) => changedAt >= before)
      const older = Array.from({ length: olderReadBack }, () => random.pick(ledger.entries))
      failWith(await auditBytes(api, [...fresh, ...older]), ledger, victim, server)
      failWith(await finishChunks(api, ledger, random, 0.7), ledger, victim, server)
      failWith(await auditStaging(dataDir), ledger, victim, server)
      if (ledger.kills % 10 === 0) report(ledger, begin)
    }
    const api = { url: server.url, key }
    failWith(await finishChunks(api, ledger, random, 1), ledger, 'the last', server)
    failWith([...(await auditList(api, ledger)), ...(await auditBytes(api, ledger.entries))], ledger, 'the last', server)
    process.stdout.write(
      `  ${Object.entries(victims)
        .map(([victim, count]) => `${count} × ${victim}`)
        .join(', ')}; all read back: `,
    )
    report(ledger, begin)
    expect(ledger.entries.filter(({ standing }) => standing === 'kept').length).toBeGreaterThan(kills)
  })
})

function report({ entries, kills: count }: Ledger, begin: number): void {
  const standing = (wanted: string) => entries.filter((entry) => entry.standing === wanted).length
  const seconds = Math.round((Date.now() - begin) / 1000)
  process.stdout.write(
    `  ${count} kills in ${seconds} s: ${standing('kept')} uploads kept, ${standing('deleted')} deleted, ${standing('absent')} never finished, none lost\n`,
  )
}
