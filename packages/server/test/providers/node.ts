import { createHash } from 'node:crypto'
import { tipSetJson } from '@keepsake/devnet/rpc/lotus-json.ts'
import { formatAddress, idAddress } from '@keepsake/filecoin/address.ts'
import { type BlockHeader, blockCid } from '@keepsake/filecoin/block-header.ts'
import { chainCid } from '@keepsake/filecoin/cid.ts'
import { bytesJson } from '@keepsake/filecoin/rpc/json.ts'
import { blsSigner, type Signer } from '@keepsake/filecoin/signature.ts'
import { startNode as startRpc } from '../../../filecoin/test/rpc-node.ts'

/** A provider as the chain of a test has it. */
export interface TestProvider {
  actorId: number
  worker: Signer
  sectorSizeBytes: number
  mayMine: boolean
}

/** A Filecoin node on loopback that answers the calls of the portal over JSON-RPC, about a chain whose epochs are `epochMs` long. */
export interface TestNode extends AsyncDisposable {
  url: string
  genesisAt: Date
  epochMs: number
  epochNow(): number
  beaconOf(epoch: number): Uint8Array
  providers: Map<number, TestProvider>
  /** Methods that were called, in order. */
  calls: string[]
  /** Of every client; null where there is none. */
  dataCap: bigint | null
  /** Makes every call fail in this way, until it is undefined again. */
  trouble: 'refuses' | 'hangs' | 'nonsense' | undefined
}

const gibibyte = 1024 ** 3

/** A BLS key of its own for every number. */
export function workerKey(number: number): Signer {
  const secret = createHash('sha256').update(`worker ${number}`).digest()
  // Below the order of the group.
  secret[0] = (secret[0] as number) & 0x3f
  return blsSigner(secret)
}

export function testProvider(actorId: number, over: Partial<TestProvider> = {}): TestProvider {
  return { actorId, worker: workerKey(actorId), sectorSizeBytes: 32 * gibibyte, mayMine: true, ...over }
}

const anything = chainCid(Uint8Array.of(0x80))

function headerOf(height: number): BlockHeader {
  return {
    miner: idAddress(1000),
    ticket: new Uint8Array(96),
    electionProof: { winCount: 1, vrfProof: new Uint8Array(96) },
    beaconEntries: [],
    winPostProofs: [],
    parents: [anything],
    parentWeight: 1n,
    height,
    parentStateRoot: anything,
    parentMessageReceipts: anything,
    messages: anything,
    blsAggregate: { kind: 'bls', bytes: new Uint8Array(96) },
    timestamp: height,
    blockSignature: { kind: 'bls', bytes: new Uint8Array(96) },
    forkSignaling: 0,
    parentBaseFee: 100n,
  }
}

function tipSet(height: number): object {
  const header = headerOf(height)
  return tipSetJson(blockCid(header), header) as object
}

class Refusal extends Error {}

export async function startNode({ epochMs = 30_000, epochs = 5000 } = {}): Promise<TestNode> {
  const genesisAt = new Date(Math.floor((Date.now() - epochs * epochMs) / 1000) * 1000)
  const epochNow = () => Math.floor((Date.now() - genesisAt.getTime()) / epochMs)
  const beaconOf = (epoch: number) =>
    Buffer.concat([0, 1, 2].map((n) => createHash('sha256').update(`beacon ${epoch} ${n}`).digest()))
  const providers = new Map<number, TestProvider>()
  const calls: string[] = []
  const idOf = (text: unknown) => Number(/^[ft]0(\d+)$/.exec(String(text))?.[1])
  const find = (address: unknown) => {
    const found = providers.get(idOf(address))
    if (!found) throw new Refusal('loading actor: actor not found')
    return found
  }
  // Worker accounts have the number of their provider and a million.
  const accountOffset = 1_000_000
  const methods: Record<string, (params: unknown[]) => unknown> = {
    ChainHead: () => tipSet(epochNow()),
    ChainGetTipSetByHeight: ([height]) => tipSet(Number(height)),
    StateGetBeaconEntry: ([epoch]) => ({ Round: Number(epoch), Data: bytesJson(beaconOf(Number(epoch))) }),
    StateMinerInfo: ([address]) => {
      const { actorId, sectorSizeBytes } = find(address)
      const worker = `f0${accountOffset + actorId}`
      return { Owner: worker, Worker: worker, PeerId: null, Multiaddrs: [], SectorSize: sectorSizeBytes }
    },
    StateAccountKey: ([address]) => formatAddress(find(`f0${idOf(address) - accountOffset}`).worker.address),
    StateVerifiedClientStatus: () => node.dataCap && String(node.dataCap),
    MinerGetBaseInfo: ([address]) => ({ EligibleForMining: find(address).mayMine }),
    WalletSign: ([address, message]) => {
      const owner = [...providers.values()].find(({ worker }) => formatAddress(worker.address) === address)
      if (!owner) throw new Refusal('key not found')
      return { Type: 2, Data: bytesJson(owner.worker.sign(Buffer.from(String(message), 'base64')).bytes) }
    },
  }
  const node: Pick<TestNode, 'trouble' | 'dataCap'> = { trouble: undefined, dataCap: null }
  const server = await startRpc((name, params) => {
    calls.push(name)
    if (node.trouble === 'hangs') return () => {}
    if (node.trouble === 'nonsense') return { result: { Data: 7 } }
    try {
      if (node.trouble === 'refuses') throw new Refusal('the node is syncing')
      return { result: methods[name]?.(params) ?? null }
    } catch (error) {
      return { error: { code: 1, message: (error as Error).message } }
    }
  })
  return Object.assign(node, {
    url: server.url,
    genesisAt,
    epochMs,
    epochNow,
    beaconOf,
    providers,
    calls,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  })
}
