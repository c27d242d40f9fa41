import { chainHead } from '@keepsake/filecoin/rpc/chain.ts'
import { RpcError } from '@keepsake/filecoin/rpc/errors.ts'
import type { FoundMessage } from '@keepsake/filecoin/rpc/state.ts'
import type { HeldDeal, SentMessage } from './held-deals.ts'
import type { Order } from './outbox.ts'
import { messageCidOf } from './outbox.ts'
import type { ProviderParts } from './parts.ts'

/** A message that is not on the chain after so many epochs is sent again. */
const patienceEpochs = 10
const firstRestMs = 2_000
const longestRestMs = 300_000

/** Sends the message that takes a deal on. What is in `also` is written down with it, before it is sent. */
export async function sendFor(
  parts: ProviderParts,
  deal: HeldDeal,
  { purpose, order, also = {} }: { purpose: SentMessage['purpose']; order: Order; also?: Partial<HeldDeal> },
  signal: AbortSignal,
): Promise<void> {
  const { outbox, deals, rpc } = parts
  const { height: epoch } = await chainHead(rpc, { signal })
  const keep = async (signed: Uint8Array): Promise<void> => {
    const bytes = Buffer.from(signed).toString('base64')
    await deals.save({ ...deal, ...also, message: { purpose, cid: messageCidOf(signed).toString(), bytes, epoch } })
  }
  await outbox.send(order, keep, signal)
}

/**
 * What came of the message a deal waits for. Undefined while it is not on the chain; after some epochs the same message is sent again. One that failed is
 * dropped, and the step is tried anew after a rest.
 */
export async function awaitMessage(parts: ProviderParts, deal: HeldDeal, signal: AbortSignal): Promise<FoundMessage | undefined> {
  const { outbox, rpc, tell } = parts
  const message = deal.message as SentMessage
  const bytes = Buffer.from(message.bytes, 'base64')
  const found = await outbox.find(bytes, signal)
  if (found && found.exitCode === 0) return found
  if (found) {
    tell(`${message.purpose} of ${deal.proposalCid} failed with exit code ${found.exitCode}`)
    await restAfterFailure(parts, deal)
    return undefined
  }
  const { height } = await chainHead(rpc, { signal })
  if (height - message.epoch < patienceEpochs) return undefined
  await sendAgain(parts, deal, message, height, signal)
  return undefined
}

async function sendAgain(
  parts: ProviderParts,
  deal: HeldDeal,
  message: SentMessage,
  epoch: number,
  signal: AbortSignal,
): Promise<void> {
  const { outbox, deals } = parts
  try {
    await outbox.again(Buffer.from(message.bytes, 'base64'), signal)
    await deals.save({ ...deal, message: { ...message, epoch } })
  } catch (error) {
    // Another message had its number: it can never come.
    if (!(error instanceof RpcError && error.code === 'REFUSED')) throw error
    parts.tell(`${message.purpose} of ${deal.proposalCid} is not taken any more: ${error.message}`)
    await restAfterFailure(parts, deal)
  }
}

/** Forgets the message and tries the step again later, less and less often. */
export async function restAfterFailure(
  { deals }: Pick<ProviderParts, 'deals'>,
  { message: _, ...deal }: HeldDeal,
): Promise<void> {
  const failures = (deal.failures ?? 0) + 1
  const restMs = Math.min(longestRestMs, firstRestMs * 2 ** Math.min(failures - 1, 10))
  await deals.save({ ...deal, failures, restUntil: Date.now() + restMs })
}
