import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as dagPb from '@ipld/dag-pb'
import { unmarshalIPNSRecord } from 'ipns'
import { CID } from 'multiformats/cid'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { goProgram } from '../../../../test/setup/go-programs.ts'
import { type Kubo, startKubo } from '../../../../test/setup/kubo.ts'
import type { BlockSession } from '../../src/network/network.ts'
import { openPeer, type TestPeer } from './peers.ts'

const kubo = await goProgram('kubo')

async function addTo(node: Kubo, bytes: Buffer): Promise<CID> {
  const form = new FormData()
  form.append('file', new Blob([new Uint8Array(bytes)]))
  const { Hash } = await node.rpcJson<{ Hash: string }>('add', { 'cid-version': 1, chunker: 'size-262144' }, form)
  return CID.parse(Hash)
}

async function bytesOf(node: Kubo, cid: CID): Promise<Buffer> {
  return Buffer.from(await (await node.rpc('cat', { arg: String(cid) })).arrayBuffer())
}

/** All leaves of a file that `session` gives, in order. */
async function readFile(session: BlockSession, root: CID): Promise<Buffer> {
  if (root.code !== dagPb.code) return Buffer.from(await session.get(root))
  const { Links } = dagPb.decode(await session.get(root))
  return Buffer.concat(await Promise.all(Links.map(({ Hash }) => readFile(session, Hash))))
}

describe.skipIf(!kubo)('among Kubo nodes, in a DHT on loopback', () => {
  let ours: TestPeer
  let near: Kubo
  let far: Kubo
  beforeAll(async () => {
    ;[ours, near, far] = await Promise.all([openPeer(), startKubo(kubo as string), startKubo(kubo as string)])
    // The far one knows nothing of us but what the DHT says.
    await far.connect(near.address)
    await near.connect(ours.address)
  })
  afterAll(async () => {
    await Promise.all([ours?.[Symbol.asyncDispose](), near?.stop(), far?.stop()])
  })

  it('what we announced is found with Kubo, and fetched from us by somebody who did not know us', async () => {
    const bytes = randomBytes(2_000_000)
    const cid = await ours.store(bytes)
    await expect
      .poll(async () => (await ours.network.provide(cid).catch(() => ({ peers: 0 }))).peers, { timeout: 20_000 })
      .toBeGreaterThan(0)
    const answers = await far.rpcLines<{ Responses: { ID: string }[] | null }>('routing/findprovs', { arg: String(cid) })
    expect(answers.flatMap(({ Responses }) => Responses ?? []).map(({ ID }) => ID)).toContain(ours.peerId)
    expect(Buffer.compare(await bytesOf(far, cid), bytes)).toBe(0)
  })

  it('we fetch what a Kubo node has, from where the user says it is and from where the DHT says it is', async () => {
    const bytes = randomBytes(3_000_000)
    const cid = await addTo(far, bytes)
    await far.rpc('routing/provide', { arg: String(cid) })
    await using found = await ours.network.session(cid, {})
    expect(Buffer.compare(await readFile(found, cid), bytes)).toBe(0)
    await using named = await ours.network.session(cid, { origins: [far.address] })
    expect(Buffer.compare(await readFile(named, cid), bytes)).toBe(0)
  })

  it('we read the record of a name that Kubo published', async () => {
    const cid = await addTo(far, randomBytes(100))
    const { Name } = await far.rpcJson<{ Name: string }>('name/publish', { arg: `/ipfs/${cid}`, 'allow-offline': true })
    const record = await ours.network.resolveRecord(Name)
    expect(unmarshalIPNSRecord(record as Uint8Array).value).toBe(`/ipfs/${cid}`)
    // Through the control channel, as the other processes ask.
    expect(Buffer.compare((await ours.service.peerControl.resolveRecord(Name)) as Uint8Array, record as Uint8Array)).toBe(0)
    expect(await ours.service.peerControl.findPeer(far.peerId)).toContain(far.address.replace(/\/p2p\/.*/, ''))
  })
})

describe.skipIf(!kubo)('in a private network', () => {
  it('we speak to Kubo nodes that have the same swarm key, and nobody else gets in', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'keepsake-swarm-'))
    try {
      const swarmKey = `/key/swarm/psk/1.0.0/\n/base16/\n${randomBytes(32).toString('hex')}\n`
      await writeFile(join(folder, 'swarm.key'), swarmKey)
      await using ours = await openPeer({ PEER_SWARM_KEY_FILE: join(folder, 'swarm.key') })
      await using friend = await startKubo(kubo as string, { swarmKey })
      await using stranger = await startKubo(kubo as string)
      const bytes = randomBytes(600_000)
      const cid = await ours.store(bytes)
      await friend.connect(ours.address)
      expect(Buffer.compare(await bytesOf(friend, cid), bytes)).toBe(0)
      await expect(stranger.connect(ours.address)).rejects.toThrow(/swarm\/connect with 500/)
      await using session = await ours.network.session(cid, { origins: [stranger.address] })
      await expect(session.get(await addTo(stranger, randomBytes(10)))).rejects.toMatchObject({ code: 'ERROR_NOT_FETCHED' })
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })
})
