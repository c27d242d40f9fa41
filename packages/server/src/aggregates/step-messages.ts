import type { BlobsConfig } from '../blobs/open.ts'
import type { PlainError } from '../thread-errors.ts'
import type { PackingRules } from './rules.ts'

// What goes between a step of an aggregate that is done on a thread, and whoever waits for it.

/** What is to be done. */
export type StepOrder =
  | { step: 'plan'; rules: PackingRules }
  | { step: 'build'; aggregateId: number; commPThreads: number | undefined }
  | { step: 'validate'; aggregateId: number; commPThreads: number | undefined; again: boolean }

/** To the thread, when it is started: its order, and where everything is. */
export interface StepData {
  order: StepOrder
  databaseUrl: string
  blobs: BlobsConfig
}

/** To the thread, later: give up. */
export type StepSignal = 'abort'

export type LogLevel = 'info' | 'warn' | 'error'

/** From the thread. After `done`, `bad` and `failed` nothing comes but its end. */
export type StepMessage =
  | { log: LogLevel; about: object; text: string }
  | { progressBytes: number }
  /** Of validating, whether it was done here; otherwise true. */
  | { done: boolean }
  /** A `BadAggregateError`. */
  | { bad: string }
  | { failed: PlainError }
