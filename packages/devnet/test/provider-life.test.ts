import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeCarHeader, encodeSectionPrefix } from '@keepsake/content/car/encode.ts'
import { rawCid } from '@keepsake/content/hash/cid.ts'
import { pieceCidV1 } from '@keepsake/content/piece/piece-cid.ts'
import { formatAddress } from '@keepsake/filecoin/address.ts'
import { openRpc, type Rpc } from '@keepsake/filecoin/rpc/client.ts'
import { secpSigner } from '@keepsake/filecoin/signature.ts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openPortal, type TestPortal } from './portal.ts'
import { type DealShown, type DevnetProcess, type StatusShown, startDevnet, until } from './process.ts'
import { readDeal, readSector } from './reading.ts'

const client = secpSigner(new Uint8Array(32).fill(9))
const providerId = 1000
let directory: string
let portal: TestPortal
let devnet: DevnetProcess
let rpc: Rpc

async function start(): Promise<void> {
  devnet = await startDevnet(directory, { DEVNET_KEEPSAKE_URL: portal.url, DEVNET_EPOCH_MS: '200', DEVNET_PROVIDERS: '1' })
  rpc = openRpc({ endpoints: [{ url: devnet.rpcUrl }] })
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'keepsake-devnet-'))
  portal = await openPortal(() => rpc, client)
  await start()
  await devnet.command('fund', { address: formatAddress(client.address), amount: 10 })
})

afterAll(async () => {
  await devnet.end()
  await portal[Symbol.asyncDispose]()
  await rm(directory, { recursive: true, force: true })
})

async function deals(): Promise<DealShown[]> {
  const { providers } = await devnet.command<StatusShown>('status')
  return providers[0]!.deals
}

/** The newest deal, once it is as far as that. */
async function dealAt(stage: string): Promise<DealShown> {
  return await until(async () => (await deals()).find((deal) => deal.stage === stage))
}

async function car(size: number) {
  const bytes = new Uint8Array(randomBytes(size))
  const cid = await rawCid(bytes)
  return { cid, bytes, car: Buffer.concat([encodeCarHeader([cid]), encodeSectionPrefix(cid, bytes.length), bytes]) }
}

async function sectorAt(deal: DealShown, isRight: (sector: NonNullable<Awaited<ReturnType<typeof readSector>>>) => boolean) {
  return await until(async () => {
    const found = await readSector(rpc, providerId, deal.sector!)
    return found && isRight(found) ? found : undefined
  })
}

describe('one piece, from its offer on', () => {
  let stored: Awaited<ReturnType<typeof car>>
  let deal: DealShown

  test('is asked for, downloaded in two goes, checked, published, put into a sector and proven', async () => {
    stored = await car(300_000)
    portal.offer(stored.car, { cutAfter: 100_000, cuts: 1 })
    deal = await dealAt('committed')
    expect(portal.requests).toEqual([providerId])
    expect(portal.ranges).toEqual(['', 'bytes=100000-'])
    expect(await readDeal(rpc, deal.dealId!)).toMatchObject({ state: { sector: deal.sector } })
    await sectorAt(deal, ({ isUnproven }) => !isUnproven)
  })

  test('is given back by CID, and by a range of the piece', async () => {
    const { retrievalUrl } = devnet.providers[0]!
    const raw = await fetch(`${retrievalUrl}/ipfs/${stored.cid}?format=raw`)
    expect(Buffer.compare(Buffer.from(await raw.arrayBuffer()), stored.bytes)).toBe(0)
    const whole = await fetch(`${retrievalUrl}/ipfs/${stored.cid}`, { headers: { accept: 'application/vnd.ipld.car' } })
    expect(Buffer.compare(Buffer.from(await whole.arrayBuffer()), stored.car)).toBe(0)
    const piece = (await readDeal(rpc, deal.dealId!)).proposal!.pieceCid
    const part = await fetch(`${retrievalUrl}/piece/${piece}`, { headers: { range: 'bytes=10-19' } })
    expect(part.status).toBe(206)
    expect(Buffer.compare(Buffer.from(await part.arrayBuffer()), stored.car.subarray(10, 20))).toBe(0)
    expect((await fetch(`${retrievalUrl}/ipfs/${(await car(10)).cid}?format=raw`)).status).toBe(404)
  })

  test('is still there after a kill at any moment, at the same addresses, and is proven on', async () => {
    const before = {
      rpc: devnet.rpcUrl,
      control: devnet.controlUrl,
      retrieval: devnet.providers[0]!.retrievalUrl,
      network: devnet.network,
    }
    await devnet.end('SIGKILL')
    await start()
    expect({
      rpc: devnet.rpcUrl,
      control: devnet.controlUrl,
      retrieval: devnet.providers[0]!.retrievalUrl,
      network: devnet.network,
    }).toEqual(before)
    expect(await deals()).toMatchObject([{ stage: 'committed', sector: deal.sector }])
    await until(async () => (devnet.said.some((line) => line.includes('proves 1 sectors')) ? true : undefined))
  })

  test('is proven out of the bytes on the disk: where they are damaged the chain says faulty, and recovers when they are mended', async () => {
    const folder = join(directory, 'providers', `f0${providerId}`, 'pieces')
    const [name] = (await readdir(folder)).filter((file) => !file.includes('.'))
    const good = await readFile(join(folder, name!))
    await writeFile(join(folder, name!), randomBytes(good.length))
    await sectorAt(deal, ({ isFaulty }) => isFaulty)
    await writeFile(join(folder, name!), good)
    await sectorAt(deal, ({ isFaulty, isUnproven }) => !isFaulty && !isUnproven)
  })

  test('is faulty and recovers on command', async () => {
    await devnet.command('faults', { provider: `f0${providerId}` })
    await sectorAt(deal, ({ isFaulty }) => isFaulty)
    await devnet.command('recover')
    await sectorAt(deal, ({ isFaulty }) => !isFaulty)
  })

  test('is published anew where the chain forgets it', async () => {
    const fresh = await car(20_000)
    portal.offer(fresh.car)
    const published = await until(async () => (await deals()).find(({ dealId }) => dealId !== null && dealId !== deal.dealId))
    await devnet.command('reorg', { depth: 30 })
    expect((await readDeal(rpc, published.dealId!)).proposal).toBeUndefined()
    await until(async () => {
      const all = await deals()
      return all.length === 2 && all.every(({ stage }) => stage === 'committed') ? true : undefined
    })
  }, 90_000)

  test('is given up on command, with its bytes', async () => {
    const [first] = await deals()
    await devnet.command('terminate', { provider: `f0${providerId}`, deal: first!.dealId })
    await until(async () => (await deals()).find(({ stage, reason }) => stage === 'ended' && reason === 'It was terminated.'))
    await expect(devnet.command('terminate', { provider: `f0${providerId}`, deal: 9_999 })).rejects.toThrow(
      'has no deal 9999 in a sector',
    )
  })
})

describe('what is not what it should be is refused', () => {
  test('other bytes than the piece of the deal', async () => {
    const { car: bytes } = await car(50_000)
    const piece = portal.offer(bytes, { sent: new Uint8Array(randomBytes(bytes.length)) })
    const refused = await until(async () =>
      (await deals()).find(({ stage, reason }) => stage === 'refused' && reason?.includes(pieceCidV1(piece).toString())),
    )
    expect(refused.reason).toMatch(/^The bytes are piece baga/)
    const files = await readdir(join(directory, 'providers', `f0${providerId}`, 'pieces'))
    expect(files.filter((name) => name.startsWith(pieceCidV1(piece).toString()))).toEqual([])
  })

  test('a proposal that the client did not sign', async () => {
    portal.offer((await car(1_000)).car, { signer: { ...secpSigner(new Uint8Array(32).fill(8)) } })
    const refused = await until(async () => (await deals()).find(({ reason }) => reason?.includes('signature')))
    expect(refused.stage).toBe('refused')
  })

  test('one that is for somebody else, or begins too soon', async () => {
    portal.offer((await car(1_001)).car, { terms: (proposal) => ({ ...proposal, startEpoch: proposal.startEpoch - 299 }) })
    await until(async () => (await deals()).find(({ stage, reason }) => stage === 'refused' && reason?.includes('too late')))
  })
})

describe('commands', () => {
  test('wrong bytes are served on command, and right ones again', async () => {
    const { retrievalUrl } = devnet.providers[0]!
    const held = (await deals()).find(({ stage }) => stage === 'committed')!
    const piece = (await readDeal(rpc, held.dealId!)).proposal!.pieceCid
    const read = async () => Buffer.from(await (await fetch(`${retrievalUrl}/piece/${piece}`)).arrayBuffer())
    const right = await read()
    await devnet.command('wrong-bytes')
    expect(Buffer.compare(await read(), right)).not.toBe(0)
    await devnet.command('right-bytes')
    expect(Buffer.compare(await read(), right)).toBe(0)
    await devnet.command('offline')
    await expect(read()).rejects.toThrow()
    await devnet.command('online')
    expect(Buffer.compare(await read(), right)).toBe(0)
  })

  test('what is no command is refused with what there is', async () => {
    await expect(devnet.command('explode')).rejects.toThrow('There is no command "explode"; there are status, fund, reorg')
    await expect(devnet.command('reorg', { depth: 0 })).rejects.toThrow('1 to 200')
    await expect(devnet.command('faults', { provider: 'f01' })).rejects.toThrow(
      'There is no provider "f01" here; there are f01000.',
    )
    const form = await fetch(new URL('offline', devnet.controlUrl), { method: 'POST', body: 'x=1' })
    expect(form.status).toBe(415)
  })

  test('it ends when whoever started it is gone', async () => {
    const exited = once(devnet.child, 'exit')
    devnet.child.disconnect()
    expect(await exited).toEqual([0, null])
    await start()
  })
})
