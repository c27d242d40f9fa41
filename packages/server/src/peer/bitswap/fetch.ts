import type { AbortOptions } from '@keepsake/content/block.ts'
import { digestOf } from '@keepsake/content/hash/verify.ts'
import type { CID } from 'multiformats/cid'
import type { Uint8ArrayList } from 'uint8arraylist'
import type { IncomingBlock, Presence, WantEntry } from './message.ts'
import { encodeMessage } from './message.ts'

/** Blocks a peer sent that nobody had asked it for, or that were not what was asked for: beyond this it is let go. */
const maxUselessBlocks = 64

/** What one peer was asked for. */
interface Exchange {
  /** By multihash: the answer may name another codec or version. */
  asked: Map<string, Asked>
  /** To be told at the end of this turn of the event loop, in one message. */
  unsent: WantEntry[]
  uselessBlocks: number
}

interface Asked {
  cid: CID
  waiting: Set<{ resolve(bytes: Uint8Array | undefined): void; reject(error: unknown): void }>
}

export interface FetchOptions {
  send(peer: string, message: Uint8ArrayList): Promise<void>
  /** The peer sends what nobody asked for: it is to be let go. */
  onUseless(peer: string): void
}

/** Asks peers for blocks. */
export interface BlockFetcher {
  /** Whether something was asked of the peer that it has not answered. */
  isAsking(peer: string): boolean
  /** Gives the block, checked; undefined when the peer says that it does not have it. */
  fetch(peer: string, cid: CID, options?: AbortOptions): Promise<Uint8Array | undefined>
  receive(peer: string, blocks: readonly IncomingBlock[], presences: readonly Presence[]): void
  /** The peer is gone: whoever waits for it is told so. */
  forget(peer: string): void
}

const keyOf = (multihash: Uint8Array) =>
  Buffer.from(multihash.buffer, multihash.byteOffset, multihash.byteLength).toString('latin1')

export function blockFetcher({ send, onUseless }: FetchOptions): BlockFetcher {
  const exchanges = new Map<string, Exchange>()

  const failAll = (peer: string, error: unknown): void => {
    const exchange = exchanges.get(peer)
    exchanges.delete(peer)
    for (const { waiting } of exchange?.asked.values() ?? []) for (const { reject } of waiting) reject(error)
  }

  const tell = (peer: string, exchange: Exchange, entry: WantEntry): void => {
    if (exchange.unsent.push(entry) > 1) return
    setImmediate(() => {
      const wants = exchange.unsent
      exchange.unsent = []
      send(peer, encodeMessage({ wants })).catch((error: unknown) => failAll(peer, error))
    })
  }

  const fetch = (peer: string, cid: CID, { signal }: AbortOptions = {}): Promise<Uint8Array | undefined> => {
    signal?.throwIfAborted()
    let exchange = exchanges.get(peer)
    if (!exchange) {
      exchange = { asked: new Map(), unsent: [], uselessBlocks: 0 }
      exchanges.set(peer, exchange)
    }
    const { asked } = exchange
    const key = keyOf(cid.multihash.bytes)
    let entry = asked.get(key)
    if (!entry) {
      entry = { cid, waiting: new Set() }
      asked.set(key, entry)
      tell(peer, exchange, { cid, wantsBlock: true, cancel: false, sendDontHave: true })
    }
    const { waiting } = entry
    return new Promise((resolve, reject) => {
      const waiter = {
        resolve: (bytes: Uint8Array | undefined) => {
          signal?.removeEventListener('abort', giveUp)
          resolve(bytes)
        },
        reject: (error: unknown) => {
          signal?.removeEventListener('abort', giveUp)
          reject(error)
        },
      }
      const giveUp = () => {
        waiting.delete(waiter)
        if (waiting.size === 0 && asked.delete(key)) {
          tell(peer, exchange, { cid, wantsBlock: true, cancel: true, sendDontHave: false })
          if (asked.size === 0 && exchange.unsent.length === 0) exchanges.delete(peer)
        }
        reject(signal?.reason)
      }
      waiting.add(waiter)
      signal?.addEventListener('abort', giveUp)
    })
  }

  const settle = (exchange: Exchange, key: string, bytes: Uint8Array | undefined): boolean => {
    const entry = exchange.asked.get(key)
    if (!entry) return false
    exchange.asked.delete(key)
    for (const { resolve } of entry.waiting) resolve(bytes)
    return true
  }

  /** Hashing says which block it is; what comes under another name was not asked for. */
  const receiveBlock = async (peer: string, exchange: Exchange, block: IncomingBlock): Promise<void> => {
    const key = await multihashKey(block).catch(() => undefined)
    if (key !== undefined && settle(exchange, key, block.bytes)) return
    if (++exchange.uselessBlocks === maxUselessBlocks) onUseless(peer)
  }

  return {
    isAsking: (peer) => (exchanges.get(peer)?.asked.size ?? 0) > 0,
    fetch,
    receive(peer, blocks, presences) {
      const exchange = exchanges.get(peer)
      // Whoever was asked for nothing costs nothing more than the reading.
      if (!exchange) return
      for (const { cid, has } of presences) if (!has) settle(exchange, keyOf(cid.multihash.bytes), undefined)
      for (const block of blocks) void receiveBlock(peer, exchange, block)
    },
    forget(peer) {
      failAll(peer, new Error('the peer is gone'))
    },
  }
}

/** The multihash of the bytes as the prefix says they are hashed, as a map key. */
async function multihashKey({ hashCode, digestBytes, bytes }: IncomingBlock): Promise<string> {
  const digest = await digestOf(hashCode, bytes, digestBytes)
  const head: number[] = []
  for (const n of [hashCode, digest.length]) {
    let left = n
    for (; left >= 0x80; left = Math.floor(left / 0x80)) head.push((left % 0x80) | 0x80)
    head.push(left)
  }
  return keyOf(Buffer.concat([Uint8Array.from(head), digest]))
}
