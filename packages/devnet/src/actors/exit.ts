import { ContentError } from '@keepsake/content/errors.ts'
import { ChainFormatError } from '@keepsake/filecoin/errors.ts'

/** Exit codes of messages, as the virtual machine and the actors of Filecoin number them. */
export const exit = {
  ok: 0,
  senderInvalid: 1,
  senderStateInvalid: 2,
  invalidReceiver: 5,
  insufficientFundsToSend: 6,
  illegalArgument: 16,
  notFound: 17,
  forbidden: 18,
  insufficientFunds: 19,
  illegalState: 20,
  serialization: 21,
  unhandledMessage: 22,
  assertionFailed: 24,
} as const

export type ExitCode = (typeof exit)[keyof typeof exit]

/** Ends a message: nothing of what it did stays. Actors throw it before they change anything. */
export class ActorExit extends Error {
  override readonly name = 'ActorExit'
  readonly exitCode: ExitCode

  constructor(exitCode: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.exitCode = exitCode
  }
}

/** Why something ended. What is none of an actor's exits is a mistake of ours; the chain goes on, and the reason is told where it is kept. */
export function exitOf(error: unknown): ActorExit {
  if (error instanceof ActorExit) return error
  if (error instanceof ChainFormatError) return new ActorExit(exit.serialization, error.message, { cause: error })
  if (error instanceof ContentError) return new ActorExit(exit.illegalArgument, error.message, { cause: error })
  return new ActorExit(exit.assertionFailed, `A mistake of the devnet: ${error}`, { cause: error })
}

export function require(condition: boolean, exitCode: ExitCode, message: string): asserts condition {
  if (!condition) throw new ActorExit(exitCode, message)
}
