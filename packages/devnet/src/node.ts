import { type Address, formatAddress } from '@keepsake/filecoin/address.ts'
import { listedCid, messageCid } from '@keepsake/filecoin/message.ts'
import type { Signer } from '@keepsake/filecoin/signature.ts'
import type { CID } from 'multiformats/cid'
import { defaultRules, type Rules } from './actors/rules.ts'
import { type Chain, openChain } from './chain/chain.ts'
import type { ProviderKeys } from './chain/keys.ts'
import { type Network, openNetwork } from './chain/network.ts'
import { SEND } from './messages/methods.ts'
import { chainMethods } from './rpc/chain-methods.ts'
import { type FoundReceipt, findReceipt } from './rpc/find-receipt.ts'
import { messageMethods } from './rpc/message-methods.ts'
import type { Methods } from './rpc/methods.ts'
import { minerMethods } from './rpc/miner-methods.ts'
import { serveRpc } from './rpc/server.ts'
import { stateMethods } from './rpc/state-methods.ts'
import { type NodeView, tipSetOf } from './rpc/view.ts'
import { findId } from './state/state.ts'

const gasLimit = 10_000_000
/** Reasons of failed messages that are remembered. */
const maxReasons = 1_000

export interface NodeOptions {
  /** Where the network is kept; made where it is not there. */
  directory: string
  /** 0 for any that is free. */
  rpcPort?: number
  /** Of a new network; one that is there keeps its own. */
  epochMs?: number
  /** Of a new network; one that is there keeps its own. */
  providers?: number
  rules?: Partial<Rules>
  /** Told what went wrong inside the node, and why messages failed. */
  onTrouble?: (error: unknown) => void
}

/** What somebody wants done on the chain. */
export interface Order {
  to: Address
  method: number
  params?: Uint8Array
  /** attoFIL. */
  value?: bigint
}

export interface Outcome {
  exitCode: number
  return: Uint8Array
  /** Epoch of the tipset in which its receipt is. */
  height: number
  /** Why it failed, where this process saw it fail. */
  reason: string | undefined
}

/** A node that runs. */
export interface DevnetNode extends AsyncDisposable {
  rpcUrl: string
  rpcPort: number
  /** The network's name. */
  network: string
  genesis: CID
  genesisSeconds: number
  epochSeconds: number
  epochMs: number
  rules: Rules
  /** Storage providers with their keys, in order. */
  providers: { actorId: number; keys: ProviderKeys }[]
  /** Epoch of the head. */
  readonly height: number
  /** Signs a message with the sender's next nonce and has it wait for a block. @throws RefusedMessage */
  send(signer: Signer, order: Order): CID
  /** Waits until a message was executed and its receipt can be read. Rejects where it was dropped. */
  outcome(message: CID, signal?: AbortSignal): Promise<Outcome>
  /** Sends money of the faucet to an address, and waits until it is there. @param amount attoFIL */
  fund(address: Address, amount: bigint, signal?: AbortSignal): Promise<CID>
  /** Puts other, empty blocks in place of the last `depth`. @throws RangeError where there are not so many */
  reorg(depth: number): Promise<void>
  /** Told after every change of the head. @returns ends it */
  onHead(listener: (height: number) => void): () => void
  stop(): Promise<void>
}

/**
 * Starts the node of the network in a folder, and founds one where there is none. It makes a block every epoch by the clock; after it was away there
 * were epochs without a block.
 */
export async function startNode(options: NodeOptions): Promise<DevnetNode> {
  const { directory, rpcPort = 0, epochMs = 1_000, providers = 3, onTrouble = () => {} } = options
  const rules = { ...defaultRules, ...options.rules }
  const reasons = new Map<string, string>()
  const network = openNetwork({
    directory,
    epochMs,
    providers,
    rules,
    onFailure(signed, exitCode, reason) {
      remember(reasons, listedCid(signed).toString(), reason)
      onTrouble(new Error(`A message of ${formatAddress(signed.message.from, 't')} failed with ${exitCode}: ${reason}`))
    },
  })
  const { index, parties, beacon } = network.parts
  const chain = await openChain(network.parts)
  const view: NodeView = { chain, index }
  const faucet = findId(chain.state, parties.faucet.address)!
  const methods: Methods = {
    ...chainMethods(view),
    ...stateMethods(view, { beacon, faucet }),
    ...minerMethods(view, { beacon, rules }),
    ...messageMethods(view),
    Version: async () => ({ Version: 'keepsake-devnet', APIVersion: 131_840, BlockDelay: Math.ceil(network.epochMs / 1000) }),
  }
  const server = await serveRpc({ view, methods, port: rpcPort, onTrouble })
  const endClock = runClock(network, chain, onTrouble)
  const outcome = outcomesOf(view, reasons)

  function send(signer: Signer, { to, method, params = new Uint8Array(), value = 0n }: Order): CID {
    const sender = findId(chain.state, signer.address)
    if (sender === undefined) throw new Error(`${formatAddress(signer.address)} has no account on this network.`)
    const nonce = chain.mempool.nextNonce(chain.state, sender)
    const message = {
      version: 0,
      to,
      from: signer.address,
      nonce,
      value,
      gasLimit,
      gasFeeCap: 0n,
      gasPremium: 0n,
      method,
      params,
    }
    return chain.push({ message, signature: signer.sign(messageCid(message).bytes) })
  }

  async function stop(): Promise<void> {
    endClock()
    await server.close()
    network.close()
  }

  return {
    rpcUrl: `http://127.0.0.1:${server.port}/rpc/v1`,
    rpcPort: server.port,
    network: network.name,
    genesis: index.atOrAfter(0)!.block,
    genesisSeconds: network.genesisSeconds,
    epochSeconds: network.epochMs / 1000,
    epochMs: network.epochMs,
    rules,
    providers: parties.providers,
    get height() {
      return chain.head.height
    },
    send,
    outcome,
    async fund(address, amount, signal) {
      const cid = send(parties.faucet, { to: address, method: SEND, value: amount })
      const { exitCode, reason } = await outcome(cid, signal)
      if (exitCode !== 0) throw new Error(`The faucet could not pay: ${reason}`)
      return cid
    },
    reorg: (depth) => chain.reorganise(depth),
    onHead: (listener) => chain.onChange(() => listener(chain.head.height)),
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

function remember(reasons: Map<string, string>, cid: string, reason: string): void {
  const [oldest] = reasons.keys()
  if (reasons.size >= maxReasons && oldest !== undefined) reasons.delete(oldest)
  reasons.set(cid, reason)
}

/** Makes a block whenever an epoch begins. @returns ends it */
function runClock({ epochAt, timeOf }: Network, chain: Chain, onTrouble: (error: unknown) => void): () => void {
  let timer: NodeJS.Timeout | undefined
  const tick = () => {
    try {
      const epoch = epochAt(Date.now())
      if (epoch > chain.head.height) chain.extend(epoch)
      // A clock that was set back waits for the head.
      const next = Math.max(epoch, chain.head.height) + 1
      timer = setTimeout(tick, Math.max(1, timeOf(next) - Date.now()))
    } catch (error) {
      // What is in memory is not what is on disk any more: only a new start is safe.
      onTrouble(new Error('The devnet makes no blocks any more.', { cause: error }))
    }
  }
  tick()
  return () => clearTimeout(timer)
}

function outcomesOf(view: NodeView, reasons: ReadonlyMap<string, string>): DevnetNode['outcome'] {
  const { chain, index } = view
  const isKnown = (message: CID) =>
    index.findMessage(message) !== undefined || chain.mempool.list().some((signed) => listedCid(signed).equals(message))
  const find = async (message: CID): Promise<FoundReceipt | undefined> =>
    await findReceipt(view, message, tipSetOf(view, null), -1)
  return async (message, signal) => {
    for (;;) {
      signal?.throwIfAborted()
      const changed = nextChange(chain, signal)
      const found = await find(message)
      if (found) {
        const { receipt, tipSet } = found
        const { exitCode, return: returned } = receipt
        return { exitCode, return: returned, height: tipSet.header.height, reason: reasons.get(message.toString()) }
      }
      if (!isKnown(message)) throw new Error(`Message ${message} is neither on the chain nor does it wait for a block.`)
      await changed
    }
  }
}

function nextChange(chain: Chain, signal?: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const end = chain.onChange(() => resolve())
  signal?.addEventListener('abort', () => resolve(), { once: true })
  return promise.finally(end)
}
