import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { formatAddress } from '@keepsake/filecoin/address.ts'
import { openRpc, type Rpc } from '@keepsake/filecoin/rpc/client.ts'
import { secpSigner } from '@keepsake/filecoin/signature.ts'
import { openPortal } from '../packages/devnet/test/portal.ts'
import { type DevnetProcess, type StatusShown, startDevnet, until } from '../packages/devnet/test/process.ts'
import { mib, report } from './report.ts'

/** Clock ticks a second in which Linux counts the time of a process. */
const ticksPerSecond = 100
const goal = 0.1
const secondsMeasured = 45
const pieces = 4
const pieceBytes = 2 * 1024 * 1024

/** Seconds of processor time that a process and its threads have used. Linux only. */
async function cpuSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  // The name of the program is in brackets, and may have spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

/** What the network's file holds, what waits in its log included. */
function fileBytes(folder: string): number {
  const database = new DatabaseSync(join(folder, 'chain', 'chain.sqlite'), { readOnly: true })
  const { page_count } = database.prepare('PRAGMA page_count').get() as { page_count: number }
  const { page_size } = database.prepare('PRAGMA page_size').get() as { page_size: number }
  database.close()
  return page_count * page_size
}

async function measure(what: string, { child }: DevnetProcess, folder: string): Promise<void> {
  const bytes = fileBytes(folder)
  const before = await cpuSeconds(child.pid!)
  const startedAt = performance.now()
  await new Promise((resolve) => setTimeout(resolve, secondsMeasured * 1000))
  const ofCore = ((await cpuSeconds(child.pid!)) - before) / ((performance.now() - startedAt) / 1000)
  report(what, `${(ofCore * 100).toFixed(1)} % of a core`, `over ${secondsMeasured} blocks, one a second`, {
    text: `under ${goal * 100} %`,
    met: ofCore < goal,
  })
  const status = await readFile(`/proc/${child.pid}/status`, 'utf8')
  const resident = Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024
  const grown = (fileBytes(folder) - bytes) / secondsMeasured
  report('', `${mib(resident)} resident`, `${Math.round(grown)} bytes a block on disk`)
}

function countActive({ providers }: StatusShown): number {
  return providers.reduce((sum, { deals }) => sum + deals.filter(({ stage }) => stage === 'committed').length, 0)
}

/** What a network with three storage providers costs while nothing is asked of it: with nothing stored, and with deals that are proven. */
export async function benchDevnet(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'keepsake-bench-devnet-'))
  let rpc: Rpc | undefined
  const client = secpSigner(new Uint8Array(randomBytes(32)))
  const portal = await openPortal(() => rpc!, client)
  const devnet = await startDevnet(folder, { DEVNET_KEEPSAKE_URL: portal.url })
  try {
    rpc = openRpc({ endpoints: [{ url: devnet.rpcUrl }] })
    await devnet.command('fund', { address: formatAddress(client.address), amount: 10 })
    await measure('three providers, nothing stored', devnet, folder)
    for (let piece = 0; piece < pieces; piece++) portal.offer(new Uint8Array(randomBytes(pieceBytes)))
    const wanted = pieces * devnet.providers.length
    const startedAt = performance.now()
    await until(async () => (countActive(await devnet.command<StatusShown>('status')) >= wanted ? true : undefined), 300_000)
    report(`${wanted} deals from offer to active`, `${((performance.now() - startedAt) / 1000).toFixed(1)} s`)
    // Every sector is proven once before it is looked at.
    await new Promise((resolve) => setTimeout(resolve, 50_000))
    await measure(`three providers, ${wanted} deals that are proven`, devnet, folder)
  } finally {
    await devnet.end()
    await portal[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true })
  }
}
