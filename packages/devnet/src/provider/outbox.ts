import { type Address, formatAddress } from '@keepsake/filecoin/address.ts'
import {
  decodeSignedMessage,
  encodeSignedMessage,
  listedCid,
  type Message,
  messageCid,
  type SignedMessage,
} from '@keepsake/filecoin/message.ts'
import { callFor } from '@keepsake/filecoin/rpc/chain.ts'
import type { Rpc } from '@keepsake/filecoin/rpc/client.ts'
import { amount, cid, object, whole } from '@keepsake/filecoin/rpc/json.ts'
import { type FoundMessage, searchMessage } from '@keepsake/filecoin/rpc/state.ts'
import type { Signer } from '@keepsake/filecoin/signature.ts'
import type { CID } from 'multiformats/cid'
import { messageJson, signedMessageJson } from '../rpc/lotus-json.ts'

/** What a message is to do. */
export interface Order {
  to: Address
  method: number
  params: Uint8Array
  /** attoFIL. */
  value?: bigint
}

/** Sends messages that one key signs. */
export interface Outbox {
  /**
   * Signs a message and sends it. `keep` is called between the two: what it writes down lets `again` send the very same message after a crash, so that
   * nothing is done twice. One message is sent after the other, because each has the next number.
   */
  send(order: Order, keep: (signed: Uint8Array) => Promise<void>, signal: AbortSignal): Promise<SignedMessage>
  /** Sends a message again that was signed before; the node knows it or takes it. */
  again(signed: Uint8Array, signal: AbortSignal): Promise<void>
  /** What came of it; undefined while it is not on the chain. */
  find(signed: Uint8Array, signal: AbortSignal): Promise<FoundMessage | undefined>
}

/** How far down the chain a message is looked for. */
const lookbackEpochs = 2000

/** @param key of an address that may speak for the provider, be it the worker's or another */
export function openOutbox({ rpc, key }: { rpc: Rpc; key: Signer }): Outbox {
  const from = formatAddress(key.address)
  let last: Promise<unknown> = Promise.resolve()

  /** The message with the gas that the node thinks it needs. */
  async function withGas(message: Message, signal: AbortSignal): Promise<Message> {
    const read = (value: unknown): Message => {
      const json = object(value)
      const [gasFeeCap, gasPremium] = [amount(json.GasFeeCap), amount(json.GasPremium)]
      return { ...message, gasLimit: whole(json.GasLimit), gasFeeCap, gasPremium }
    }
    return await callFor(rpc, 'GasEstimateMessageGas', [messageJson(message), null, null], read, { signal })
  }

  async function sign({ to, method, params, value = 0n }: Order, signal: AbortSignal): Promise<SignedMessage> {
    const nonce = await callFor(rpc, 'MpoolGetNonce', [from], whole, { signal })
    const draft = { version: 0, to, from: key.address, nonce, value, gasLimit: 0, gasFeeCap: 0n, gasPremium: 0n, method, params }
    const message = await withGas(draft, signal)
    return { message, signature: key.sign(messageCid(message).bytes) }
  }

  async function push(signed: SignedMessage, signal: AbortSignal): Promise<void> {
    await callFor(rpc, 'MpoolPush', [signedMessageJson(signed, listedCid(signed))], cid, { signal })
  }

  return {
    send(order, keep, signal) {
      const mine = last.then(async () => {
        const signed = await sign(order, signal)
        await keep(encodeSignedMessage(signed))
        await push(signed, signal)
        return signed
      })
      last = mine.catch(() => {})
      return mine
    },
    again: (signed, signal) => push(decodeSignedMessage(signed), signal),
    find: (signed, signal) => searchMessage(rpc, messageCidOf(signed), lookbackEpochs, { signal }),
  }
}

/** What the chain lists a signed message by. */
export function messageCidOf(signed: Uint8Array): CID {
  return listedCid(decodeSignedMessage(signed))
}
