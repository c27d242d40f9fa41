import type { Message } from '@keepsake/filecoin/message.ts'
import type { Receipt } from '@keepsake/filecoin/receipt.ts'
import * as methods from '../messages/methods.ts'
import { addAccount, findId, MARKET, touch } from '../state/state.ts'
import { preCommitSectors, proveCommitSectors } from './commit-sectors.ts'
import { declareFaults, declareRecovered, terminateSectors } from './declare.ts'
import type { Execution } from './execution.ts'
import { type ExitCode, exit, exitOf, require } from './exit.ts'
import { addBalance, marketCron } from './market-deals.ts'
import { forgive, minerCron } from './miner-cron.ts'
import { requireProvider } from './provider.ts'
import { publishStorageDeals } from './publish-deals.ts'
import { submitWindowedPost } from './window-post.ts'

/** Gas is counted, as on Filecoin, and costs nothing here. */
const gasPerMessage = 500_000
const gasPerByte = 1_300

/** What a message was executed to, with the reason where it failed: on Filecoin that too is only known to who executes it. */
export interface Executed {
  receipt: Receipt
  reason?: string
}

export function gasOf({ params }: Pick<Message, 'params'>): number {
  return gasPerMessage + gasPerByte * params.length
}

/**
 * Executes a message whose signature was checked. Whatever it is, it gets a receipt; where its exit code is not 0 only the nonce of its sender is
 * another than before, and with a wrong nonce not even that.
 */
export function applyMessage(execution: Execution, message: Message): Executed {
  const { state } = execution
  const failed = (exitCode: ExitCode, reason: string): Executed => ({
    receipt: { exitCode, return: new Uint8Array(), gasUsed: gasOf(message), eventsRoot: null },
    reason,
  })
  const sender = findId(state, message.from)
  const entry = sender === undefined ? undefined : state.actors.get(sender)
  if (sender === undefined || entry?.kind !== 'account') return failed(exit.senderInvalid, 'The sender has no account.')
  if (message.nonce !== entry.nonce)
    return failed(exit.senderStateInvalid, `The nonce is ${message.nonce}, and that of the sender is ${entry.nonce}.`)
  entry.nonce++
  try {
    require(message.value >= 0n && message.value <= entry.balance, exit.insufficientFundsToSend, 'The sender has not so much.')
    const returned = call(execution, sender, message)
    return { receipt: { exitCode: exit.ok, return: returned, gasUsed: gasOf(message), eventsRoot: null } }
  } catch (error) {
    const { exitCode, message: reason } = exitOf(error)
    return failed(exitCode, reason)
  }
}

function call(execution: Execution, sender: number, message: Message): Uint8Array {
  const { state } = execution
  const { method, value, to } = message
  const isKey = to.protocol === 1 || to.protocol === 3
  const known = findId(state, to)
  require(known !== undefined || (isKey && method === methods.SEND), exit.invalidReceiver, 'There is no such actor.')
  const returned = known === undefined ? new Uint8Array() : invoke(execution, sender, known, message)
  const receiver = known ?? addAccount(state, to)
  state.actors.get(sender)!.balance -= value
  state.actors.get(receiver)!.balance += value
  return returned
}

function invoke(execution: Execution, sender: number, receiver: number, { method, params, value }: Message): Uint8Array {
  if (method === methods.SEND) return new Uint8Array()
  if (receiver === MARKET && method === methods.market.addBalance) return addBalance(execution, params, value)
  if (receiver === MARKET && method === methods.market.publishStorageDeals) return publishStorageDeals(execution, sender, params)
  const handler = execution.state.miners.has(receiver) ? minerMethods[method] : undefined
  require(handler !== undefined, exit.unhandledMessage, `f0${receiver} has no method ${method}.`)
  return handler(execution, requireProvider(execution.state, sender, receiver), params)
}

const minerMethods: Record<number, (execution: Execution, provider: number, params: Uint8Array) => Uint8Array> = {
  [methods.miner.submitWindowedPoSt]: submitWindowedPost,
  [methods.miner.terminateSectors]: terminateSectors,
  [methods.miner.declareFaults]: declareFaults,
  [methods.miner.declareFaultsRecovered]: declareRecovered,
  [methods.miner.preCommitSectorBatch2]: preCommitSectors,
  [methods.miner.proveCommitSectors3]: proveCommitSectors,
}

/** What happens at the end of every epoch, whether it had a block or not. */
export function cron(execution: Execution): void {
  marketCron(execution)
  for (const provider of execution.state.miners.keys()) minerCron(execution, provider)
}

/**
 * What happens instead of `cron` for epochs in which there was no network: deals begin and end by the clock, but no provider is blamed.
 *
 * @param first the first epoch without a block
 */
export function skipEpochs(execution: Execution, first: number): void {
  const { state, epoch } = execution
  const { due } = state.market
  const passed = [...due.keys()].filter((at) => at >= first && at < epoch).sort((a, b) => a - b)
  for (const at of passed) marketCron({ ...execution, epoch: at })
  for (const [provider, miner] of state.miners) {
    forgive(miner, epoch - first)
    touch(state, provider)
  }
}
