import { describe, expect, it } from 'vitest'
import { goProgram } from '../setup/go-programs.ts'
import { startKubo } from '../setup/kubo.ts'

const kubo = await goProgram('kubo')

describe.skipIf(!kubo)('the Kubo nodes of the tests', () => {
  it('make a network of their own on loopback, in whose DHT content is found', async () => {
    await using first = await startKubo(kubo as string)
    await using second = await startKubo(kubo as string)
    await using third = await startKubo(kubo as string)
    for (const node of [second, third]) await node.connect(first.address)
    const form = new FormData()
    form.append('file', new Blob(['Kubo keeps this.']))
    const { Hash: cid } = await first.rpcJson<{ Hash: string }>('add', { 'cid-version': 1 }, form)
    await first.rpc('routing/provide', { arg: cid })
    const answers = await third.rpcLines<{ Type: number; Responses: { ID: string; Addrs: string[] }[] | null }>(
      'routing/findprovs',
      { arg: cid, 'num-providers': 1 },
    )
    const providers = answers.flatMap(({ Type, Responses }) => (Type === 4 ? (Responses ?? []) : []))
    expect(providers.map(({ ID }) => ID)).toContain(first.peerId)
    expect(await third.ipfs('cat', cid)).toBe('Kubo keeps this.')
    const addresses = [first, second, third].flatMap((node) => node.address)
    for (const address of addresses) expect(address).toMatch(/^\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\/12D3/)
  })
})
