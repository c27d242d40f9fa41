import type { BlobsConfig } from '../blobs/open.ts'
import type { PlainError } from '../thread-errors.ts'

// What goes between a step of an aggregate that is done on a thread, and whoever waits for it.

/** To the thread, when it is started: what is to be done, and where everything is. */
export interface StepData {
  step: 'build' | 'validate'
  aggregateId: number
  /** Of validating. */
  again: boolean
  commPThreads: number | undefined
  databaseUrl: string
  blobs: BlobsConfig
}

/** To the thread: give up. */
export type StepOrder = 'abort'

export type LogLevel = 'info' | 'warn' | 'error'

/** From the thread. After `done`, `bad` and `failed` nothing comes but its end. */
export type StepMessage =
  | { log: LogLevel; about: object; text: string }
  | { progressBytes: number }
  /** Of validating, whether it was done here. */
  | { done: boolean }
  /** A `BadAggregateError`. */
  | { bad: string }
  | { failed: PlainError }
