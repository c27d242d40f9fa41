import type { Caller } from '../calls/call.ts'
import type { CallBudget } from '../calls/call-budget.ts'

export interface PinataOptions {
  url: URL
  /** Sends the JWT with every call. */
  call: Caller
  budget: CallBudget
  /** Multiaddrs at which our peer can be fetched from. */
  origins(): Promise<string[]>
}

/** Pinata dials no more. */
export const maxHostNodes = 5
