import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { formatAddress, idAddress } from '@keepsake/filecoin/address.ts'
import { openRpc, type Rpc } from '@keepsake/filecoin/rpc/client.ts'
import { secpSigner } from '@keepsake/filecoin/signature.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sharedData } from '../../../test/setup/shared-data.ts'
import { FIL } from '../src/chain/genesis.ts'
import { type DevnetNode, startNode } from '../src/node.ts'
import { makePiece, proposalFor, published, testProvider } from './provider.ts'

interface Schema {
  properties?: Record<string, Schema>
  items?: Schema[]
  additionalProperties?: unknown
  type?: string | string[]
}

interface Method {
  name: string
  result: { schema: Schema & { examples?: unknown[] } }
}

const path = sharedData('filecoin/rpc/lotus-v1-openrpc-full.json.gz')
const methods = path
  ? new Map(
      (JSON.parse(gunzipSync(await readFile(path)).toString()) as { methods: Method[] }).methods.map((method) => [
        method.name,
        method,
      ]),
    )
  : undefined

/** What Lotus adds to messages in JSON, and its description leaves out. */
const undescribed = ['CID']

/** Where an answer is not of the form that Lotus gives: its keys are described, the kinds of its values are those of its example. */
function differences(value: unknown, schema: Schema, example: unknown, at: string): string[] {
  if (value === null) return []
  if (Array.isArray(value)) {
    if (!Array.isArray(example)) return [`${at} is a list`]
    const [inner] = Array.isArray(schema.items) ? schema.items : [schema.items ?? {}]
    return value.flatMap((item, index) => (example.length ? differences(item, inner ?? {}, example[0], `${at}[${index}]`) : []))
  }
  if (typeof value !== 'object') return typeof value === typeof example || example === null ? [] : [`${at} is a ${typeof value}`]
  const keys = Object.keys(value).filter((key) => !undescribed.includes(key))
  const described = { ...(example as Record<string, unknown>) }
  // An example without keys is of a map: any will do.
  const isMap = Object.keys(described).length === 0
  const unknown = isMap ? [] : keys.filter((key) => !(key in described))
  const missing = Object.keys(schema.properties ?? {}).filter((key) => !(key in (value as object)))
  const inner = keys
    .filter((key) => key in described)
    .flatMap((key) =>
      differences((value as Record<string, unknown>)[key], schema.properties?.[key] ?? {}, described[key], `${at}.${key}`),
    )
  return [...unknown.map((key) => `${at}.${key} is not described`), ...missing.map((key) => `${at}.${key} is missing`), ...inner]
}

let directory: string
let node: DevnetNode
let rpc: Rpc
let answers: Record<string, unknown[]>
const client = secpSigner(new Uint8Array(32).fill(7))

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'keepsake-devnet-'))
  node = await startNode({ directory, epochMs: 50 })
  rpc = openRpc({ endpoints: [{ url: node.rpcUrl }] })
  await node.fund(client.address, FIL)
  const provider = testProvider(node, rpc)
  const held = makePiece()
  const [dealId] = await provider.publish(
    published(client, proposalFor(provider.here(), client, held, { startEpoch: node.height + 500 })),
  )
  await provider.store(1, held, dealId!)
  const miner = `t0${provider.actorId}`
  const funded = await node.fund(client.address, 1n)
  const key = formatAddress(client.address, 't')
  const head = (await rpc.call('ChainHead', [])) as { Cids: { '/': string }[]; Height: number }
  const place = (await rpc.call('StateSearchMsg', [null, { '/': funded.toString() }, -1, true])) as { TipSet: { '/': string }[] }
  const [executedIn] = place.TipSet
  const executed = (await rpc.call('ChainGetBlock', [executedIn])) as { Parents: { '/': string }[] }
  const [included] = executed.Parents
  const message = {
    Version: 0,
    To: miner,
    From: key,
    Nonce: 0,
    Value: '0',
    GasLimit: 0,
    GasFeeCap: '0',
    GasPremium: '0',
    Method: 0,
  }
  answers = {
    ChainHead: [],
    ChainGetGenesis: [],
    ChainGetTipSet: [head.Cids],
    ChainGetTipSetByHeight: [1, null],
    ChainGetTipSetAfterHeight: [1, []],
    ChainGetFinalizedTipSet: [],
    ChainGetBlock: head.Cids,
    ChainTipSetWeight: [null],
    ChainGetBlockMessages: [included],
    ChainGetMessage: [{ '/': funded.toString() }],
    ChainGetMessagesInTipset: [[included]],
    ChainGetParentMessages: [executedIn],
    ChainGetParentReceipts: [executedIn],
    ChainReadObj: head.Cids,
    ChainHasObj: head.Cids,
    StateNetworkName: [],
    StateNetworkVersion: [null],
    StateGetActor: [key, null],
    StateLookupID: [key, null],
    StateAccountKey: [key, null],
    StateListMiners: [null],
    StateMinerInfo: [miner, null],
    StateMinerPower: [miner, null],
    StateMinerProvingDeadline: [miner, null],
    StateMinerFaults: [miner, null],
    StateMinerRecoveries: [miner, null],
    StateMinerSectorCount: [miner, null],
    StateMinerSectors: [miner, null, null],
    StateMinerActiveSectors: [miner, null],
    StateMinerPartitions: [miner, 0, null],
    StateSectorPartition: [miner, 1, null],
    StateSectorGetInfo: [miner, 1, null],
    StateMarketStorageDeal: [dealId, null],
    StateMarketBalance: [miner, null],
    StateDealProviderCollateralBounds: [1024, false, null],
    StateSearchMsg: [null, { '/': funded.toString() }, -1, true],
    StateGetBeaconEntry: [1],
    StateVerifiedClientStatus: ['f05', null],
    StateCirculatingSupply: [null],
    StateActorCodeCIDs: [22],
    MinerGetBaseInfo: [miner, head.Height, null],
    MpoolGetNonce: [key],
    MpoolPending: [null],
    GasEstimateMessageGas: [message, null, null],
    WalletBalance: [key],
  }
}, 60_000)
afterAll(async () => {
  await node.stop()
  await rm(directory, { recursive: true, force: true })
})

describe('the answers of the node', () => {
  it.skipIf(!methods)('have the form that Lotus gives them, method by method', async () => {
    const wrong: string[] = []
    for (const [name, params] of Object.entries(answers)) {
      const { schema } = methods!.get(`Filecoin.${name}`)!.result
      const answer = await rpc.call(name, params)
      expect(answer, name).not.toBeUndefined()
      wrong.push(...differences(answer, schema, schema.examples?.[0], name))
    }
    expect(wrong).toEqual([])
  })

  it('are to the methods that docs/devnet.md names, and to no others', async () => {
    const page = await readFile(join(import.meta.dirname, '../../../docs/devnet.md'), 'utf8')
    const paragraph = /^Methods: (.*?)\n\n/ms.exec(page)![1]!
    const named = [...paragraph.matchAll(/`(\w+)`/g)].map(([, name]) => name)
    // What Lotus' description leaves out, or has another answer for on a websocket; and what is tried by all that is sent.
    const besides = ['ChainNotify', 'MpoolPush', 'Version']
    expect(named.toSorted()).toEqual([...Object.keys(answers), ...besides].toSorted())
    await expect(rpc.call('Version', [])).resolves.toMatchObject({ Version: 'keepsake-devnet' })
  })

  it('name an actor the same way by number and by key', async () => {
    const key = formatAddress(client.address, 't')
    const id = (await rpc.call('StateLookupID', [key, null])) as string
    expect(id).toMatch(/^t0\d+$/)
    expect(await rpc.call('StateAccountKey', [id, null])).toBe(key)
    expect(await rpc.call('StateGetActor', [id, null])).toEqual(await rpc.call('StateGetActor', [key, null]))
  })

  it.each([
    ['an unknown method', 'ChainSomething', [], -32601, /not found/],
    ['an unknown actor', 'StateGetActor', ['t099999', null], 3, /actor not found/],
    ['an address that is none', 'StateGetActor', ['nobody', null], -32602, /address/],
    ['a provider that is none', 'StateMinerInfo', ['t05', null], 1, /no storage provider/],
    ['a deal that is none', 'StateMarketStorageDeal', [777, null], 1, /deal 777 not found/],
    [
      'a block that is not there',
      'ChainReadObj',
      [{ '/': 'bafy2bzacedo7hjsumaajt6sbor42qycvjyk6goqe4oi4o4ddsjxkdeqrqf42c' }],
      1,
      /could not find/,
    ],
    ['a beacon entry of the future', 'StateGetBeaconEntry', [10_000_000], 1, /in the future/],
    ['a tipset above the head', 'ChainGetTipSetByHeight', [10_000_000, null], 1, /greater than start point/],
  ])('refuse %s as Lotus does', async (_, method, params, rpcCode, message) => {
    await expect(rpc.call(method, params)).rejects.toMatchObject({
      code: 'REFUSED',
      rpcCode,
      message: expect.stringMatching(message),
    })
  })

  it('are errors in JSON for what is no call at all', async () => {
    const post = async (body: string) => (await fetch(node.rpcUrl, { method: 'POST', body })).json()
    expect(await post('{')).toMatchObject({ error: { code: -32700 } })
    expect(await post('7')).toMatchObject({ error: { code: -32600 } })
    expect(await post('{"method":"Filecoin.ChainHead","params":{},"id":5}')).toMatchObject({ id: 5, error: { code: -32602 } })
    expect(await post('{"method":"Filecoin.constructor","id":1}')).toMatchObject({ error: { code: -32601 } })
    expect(formatAddress(idAddress(5), 't')).toBe('t05')
  })
})
