import { formatAddress } from '@keepsake/filecoin/address.ts'
import {
  decodeSignedMessage,
  encodeMessage,
  encodeSignedMessage,
  listedCid,
  type Message,
  messageCid,
  type SignedMessage,
} from '@keepsake/filecoin/message.ts'
import { verifySignature } from '@keepsake/filecoin/signature.ts'
import type { CID } from 'multiformats/cid'
import { type ChainState, findId } from '../state/state.ts'
import type { ChainIndex } from '../store/chain-index.ts'

const maxMessageBytes = 1024 * 1024
const maxPending = 5_000
const maxMessagesPerBlock = 500
/** How far ahead of its account a message may be. */
const maxNonceGap = 1_000

/** A message that is not taken into the pool. */
export class RefusedMessage extends Error {
  override readonly name = 'RefusedMessage'
}

/** Messages that wait for a block. They survive restarts. */
export interface Mempool {
  /** @throws RefusedMessage with a reason */
  push(state: ChainState, signed: SignedMessage): CID
  /** The next number for a message of an account, after those that wait. */
  nextNonce(state: ChainState, sender: number): number
  /** What can be executed now, in order; what never can any more is dropped. */
  select(state: ChainState): SignedMessage[]
  list(): SignedMessage[]
  /** Drops every message of a sender: its numbers do not fit any more. */
  clear(): void
  remove(messages: Iterable<SignedMessage>): void
}

export function openMempool(index: ChainIndex): Mempool {
  const waiting = new Map<string, SignedMessage>()
  for (const bytes of index.listPending()) {
    const signed = decodeSignedMessage(bytes)
    waiting.set(listedCid(signed).toString(), signed)
  }

  function remove(messages: Iterable<SignedMessage>): void {
    for (const signed of messages) {
      const cid = listedCid(signed)
      if (waiting.delete(cid.toString())) index.removePending(cid)
    }
  }

  /** Messages by the number of their sender, in the order of their own. */
  function bySender(state: ChainState): Map<number, SignedMessage[]> {
    const groups = Map.groupBy(waiting.values(), ({ message }) => findId(state, message.from) ?? -1)
    for (const messages of groups.values()) messages.sort((a, b) => a.message.nonce - b.message.nonce)
    return groups
  }

  function nextNonce(state: ChainState, sender: number): number {
    const { nonce } = state.actors.get(sender)!
    return (bySender(state).get(sender) ?? []).reduce((next, { message }) => (message.nonce === next ? next + 1 : next), nonce)
  }

  return {
    push(state, signed) {
      const cid = listedCid(signed)
      const sender = check(state, signed)
      if (waiting.has(cid.toString())) return cid
      if (waiting.size >= maxPending) refuse(`the message pool is full: ${maxPending} messages wait`)
      const rival = bySender(state)
        .get(sender)
        ?.find(({ message }) => message.nonce === signed.message.nonce)
      if (rival) refuse(`message from ${formatAddress(signed.message.from)} with nonce ${signed.message.nonce} already in mpool`)
      waiting.set(cid.toString(), signed)
      index.addPending(cid, encodeSignedMessage(signed))
      return cid
    },
    nextNonce,
    select(state) {
      const selected: SignedMessage[] = []
      const stale: SignedMessage[] = []
      for (const [sender, messages] of bySender(state)) {
        let next = state.actors.get(sender)?.nonce
        for (const signed of messages) {
          if (next === undefined || signed.message.nonce < next) stale.push(signed)
          else if (signed.message.nonce === next && selected.length < maxMessagesPerBlock) {
            selected.push(signed)
            next++
          }
        }
      }
      remove(stale)
      return selected
    },
    list: () => [...waiting.values()],
    clear: () => remove([...waiting.values()]),
    remove,
  }
}

function refuse(reason: string): never {
  throw new RefusedMessage(reason)
}

/** @returns the number of the sender */
function check(state: ChainState, { message, signature }: SignedMessage): number {
  const bytes = encodeMessage(message)
  if (bytes.length > maxMessageBytes) refuse(`message too large: ${bytes.length} bytes, and at most ${maxMessageBytes}`)
  if (message.version !== 0) refuse(`'Version' field: must be 0, is ${message.version}`)
  const sender = findId(state, message.from)
  const key = sender === undefined ? undefined : state.accounts.get(sender)
  if (sender === undefined || key === undefined) refuse(`actor not found: ${formatAddress(message.from)} has no account`)
  checkAmounts(message, state.actors.get(sender)!.balance)
  const { nonce } = state.actors.get(sender)!
  if (message.nonce < nonce) refuse(`minimum expected nonce is ${nonce}: message nonce too low`)
  if (message.nonce > nonce + maxNonceGap) refuse(`unfulfilled nonce gap: ${message.nonce} while ${nonce} is next`)
  if (!isSigned(message, signature, key)) refuse('invalid signature: it was not made by the sender over this message')
  return sender
}

function checkAmounts({ value, gasLimit, gasFeeCap, gasPremium }: Message, balance: bigint): void {
  if (value < 0n) refuse("'Value' field can't be negative")
  if (gasLimit < 0 || gasFeeCap < 0n || gasPremium < 0n) refuse('gas cannot be negative')
  if (gasPremium > gasFeeCap) refuse("'GasPremium' field can't be larger than 'GasFeeCap'")
  if (value > balance) refuse(`not enough funds: the balance is ${balance} attoFIL, and ${value} are to be sent`)
}

function isSigned(message: Message, signature: SignedMessage['signature'], key: Parameters<typeof verifySignature>[1]): boolean {
  try {
    return verifySignature(signature, key, messageCid(message).bytes)
  } catch {
    // A kind of signature that no key of this kind makes.
    return false
  }
}
