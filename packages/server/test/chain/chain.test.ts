import { decodeBlockHeader } from '@keepsake/filecoin/block-header.ts'
import type { CID } from 'multiformats/cid'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readChain } from '../../../filecoin/test/real-chain.ts'
import { startNode } from '../../../filecoin/test/rpc-node.ts'
import { openChain } from '../../src/chain/chain.ts'
import { findSource, writeSource } from '../../src/chain/source.ts'
import { parseConfig } from '../../src/config.ts'
import type { TestDatabase } from '../setup/database.ts'
import { createTestDatabase } from '../setup/database.ts'
import { headerJson } from './header-json.ts'

let test: TestDatabase
beforeAll(async () => {
  test = await createTestDatabase()
})
afterAll(async () => await test?.drop())

const open = (env: Record<string, string>) => openChain({ config: parseConfig(env), database: test.database })!
const signal = AbortSignal.timeout(20_000)

describe('the setting FILECOIN_RPC', () => {
  it('is the devnet where nothing is said, and without Filecoin there is no chain', () => {
    expect(parseConfig({}).FILECOIN_RPC).toBe('devnet')
    expect(open({ FILECOIN_RPC: 'off' })).toBeUndefined()
    expect(parseConfig({ FILECOIN_RPC: 'http://a/rpc/v1, https://b/rpc/v1' }).FILECOIN_RPC).toEqual([
      'http://a/rpc/v1',
      'https://b/rpc/v1',
    ])
  })

  it.each(['on', 'ftp://a/', 'https://token@a/'])('refuses %s', (given) => {
    expect(() => parseConfig({ FILECOIN_RPC: given })).toThrow('FILECOIN_RPC: expected devnet, off, or addresses')
  })
})

describe('the chain', () => {
  it('says why there is no node yet, and is there for every process once one wrote it down', async () => {
    const devnet = open({})
    await expect(devnet.source()).rejects.toMatchObject({ code: 'ERROR_UNAVAILABLE' })
    const genesisAt = new Date(Date.now() - 100_000)
    const source = { network: 'keepsake-devnet-00000000', isDevnet: true, rpcUrls: ['http://127.0.0.1:1/rpc/v1'], genesisAt }
    await writeSource(test.database, { ...source, epochSeconds: 2, controlUrl: 'http://127.0.0.1:1/' })
    expect(await devnet.epochNow()).toBe(50)
    expect(await devnet.lookback()).toBe(1)
    expect((await devnet.rpc()).endpoint.url).toBe(source.rpcUrls[0])
    // Of other nodes, this row says nothing.
    await expect(open({ FILECOIN_RPC: 'http://127.0.0.1:1/rpc/v1' }).source()).resolves.toMatchObject({ network: source.network })
    await expect(open({ FILECOIN_RPC: 'http://127.0.0.1:2/rpc/v1' }).source()).rejects.toMatchObject({
      code: 'ERROR_UNAVAILABLE',
    })
  })
})

describe('a configured node', async () => {
  const genesis = await readChain('mainnet-genesis-to-epoch3.car')
  const tipSetOf = (cid: CID) => {
    const header = decodeBlockHeader(genesis!.get(cid)!)
    return { Cids: [{ '/': cid.toString() }], Blocks: [headerJson(header)], Height: header.height }
  }
  const firstCid = () => {
    let [cid] = genesis!.roots as [CID]
    for (let header = decodeBlockHeader(genesis!.get(cid)!); header.height > 0; header = decodeBlockHeader(genesis!.get(cid)!))
      cid = header.parents[0] as CID
    return cid
  }

  it.skipIf(!genesis)('is asked which network it is of, and that is written down', async () => {
    await using node = await startNode((method) => {
      if (method === 'StateNetworkName') return { result: 'mainnet' }
      return { result: tipSetOf(method === 'ChainGetGenesis' ? firstCid() : (genesis!.roots[0] as CID)) }
    })
    const chain = open({ FILECOIN_RPC: node.url })
    expect(await chain.identify({ signal })).toMatchObject({ network: 'mainnet', isDevnet: false, epochSeconds: 30 })
    expect(await findSource(test.database)).toMatchObject({ network: 'mainnet', rpcUrls: [node.url], controlUrl: null })
    expect(await chain.clock()).toEqual({ genesisSeconds: 1_598_306_400, epochSeconds: 30 })
    expect(await chain.lookback()).toBe(10)
  })

  it.skipIf(!genesis)('is refused where it gives itself a name that is not its own', async () => {
    await using node = await startNode((method) =>
      method === 'StateNetworkName' ? { result: 'calibrationnet' } : { result: tipSetOf(firstCid()) },
    )
    const chain = open({ FILECOIN_RPC: node.url })
    await expect(chain.identify({ signal })).rejects.toMatchObject({
      code: 'ERROR_UNAVAILABLE',
      message: expect.stringContaining('calibrationnet'),
    })
    await expect(chain.source()).rejects.toMatchObject({ code: 'ERROR_UNAVAILABLE' })
  })

  it.skipIf(!genesis)(
    'of another network than the others is not believed, whether it says so at the start or later',
    async () => {
      const names = ['mainnet', 'testnet']
      let isAway = false
      await using first = await startNode((method) => {
        if (isAway) return (response) => void response.destroy()
        if (method === 'StateNetworkName') return { result: 'mainnet' }
        return { result: tipSetOf(method === 'ChainGetGenesis' ? firstCid() : (genesis!.roots[0] as CID)) }
      })
      await using second = await startNode((method) => {
        if (names[1] === undefined) return (response) => void response.destroy()
        if (method === 'StateNetworkName') return { result: names[1] }
        return { result: tipSetOf(firstCid()) }
      })
      const chain = open({ FILECOIN_RPC: `${first.url},${second.url}` })
      await expect(chain.identify({ signal })).rejects.toThrow(
        'of different networks: mainnet (since 2020-08-24T22:00:00.000Z) and testnet',
      )
      names.pop()
      expect(await chain.identify({ signal })).toMatchObject({ network: 'mainnet' })
      names.push('testnet')
      isAway = true
      await expect((await chain.rpc()).call('StateListMiners', [], { signal })).rejects.toThrow('of different networks')
      expect(second.calls).not.toContain('Filecoin.StateListMiners')
    },
  )
})
