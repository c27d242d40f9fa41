import type { CID } from 'multiformats/cid'
import type { Config } from '../config.ts'
import type { PinStatus } from '../database/schema.ts'
import type { PinState } from './backend.ts'

/** Which sweep looks at a pin next: to hand its DAG over, to ask how far it is, to try again what failed. */
export type PinStep = 'add' | 'track' | 'retry'

/** A pin that a sweep works on. */
export interface ClaimedPin {
  contentId: number
  root: CID
  /** How often it was tried to hand it over, with the attempt that may follow. */
  attempts: number
  /** When it was last handed over; null where it never was. */
  handedOverAt: Date | null
}

/** What becomes of a pin. */
export interface PinChange {
  status: PinStatus
  nextStep: PinStep | null
  /** Null: nothing is done until somebody asks for it. */
  nextAttemptAt: Date | null
  lastError: string | null
}

export interface PinPolicy {
  /** Attempts before it is given up. */
  maxAttempts: number
  /** Pause after the first failure; it doubles up to `retryMaxMs`. */
  retryMinMs: number
  retryMaxMs: number
  /** A backend that has been at it for so long has failed. */
  patienceMs: number
}

export function pinPolicyOf(config: Config): PinPolicy {
  return {
    maxAttempts: config.PIN_ATTEMPTS,
    retryMinMs: config.PIN_RETRY_MIN_MS,
    retryMaxMs: config.PIN_RETRY_MAX_MS,
    patienceMs: config.PIN_PATIENCE_HOURS * 3_600_000,
  }
}

const checkMinMs = 2_000
const checkMaxMs = 15 * 60_000
/** The older a pin gets, the rarer it is asked for: each time after a third of its age. */
const checkShare = 1 / 3

/** What a backend's word means for a pin. */
export function changeAfter(pin: ClaimedPin, state: PinState, now: Date, policy: PinPolicy): PinChange {
  switch (state.status) {
    case 'pinned':
      return { status: 'pinned', nextStep: null, nextAttemptAt: null, lastError: null }
    case 'queued':
    case 'pinning':
      return changeWhileWorking(pin, state.status, now, policy)
    case 'absent':
      return changeAfterFailure(pin, { detail: 'the backend does not know it' }, now, policy)
    case 'failed':
      return changeAfterFailure(pin, state, now, policy)
  }
}

function changeWhileWorking(pin: ClaimedPin, status: 'queued' | 'pinning', now: Date, policy: PinPolicy): PinChange {
  const ageMs = now.getTime() - (pin.handedOverAt ?? now).getTime()
  if (ageMs > policy.patienceMs) {
    const detail = `the backend has been at it since ${pin.handedOverAt?.toISOString()}`
    return changeAfterFailure(pin, { detail }, now, policy)
  }
  const delayMs = Math.min(checkMaxMs, Math.max(checkMinMs, ageMs * checkShare))
  return { status, nextStep: 'track', nextAttemptAt: new Date(now.getTime() + delayMs), lastError: null }
}

/** A failed pin is tried again later and later, and then given up: it stays failed, with the reason, until somebody asks for more. */
function changeAfterFailure(
  { attempts }: ClaimedPin,
  { detail = 'the backend says that it failed', isFinal = false }: Pick<PinState, 'detail' | 'isFinal'>,
  now: Date,
  { maxAttempts, retryMinMs, retryMaxMs }: PinPolicy,
): PinChange {
  if (isFinal || attempts >= maxAttempts) return { status: 'failed', nextStep: null, nextAttemptAt: null, lastError: detail }
  const delayMs = Math.min(retryMaxMs, retryMinMs * 2 ** Math.max(0, attempts - 1))
  return { status: 'failed', nextStep: 'retry', nextAttemptAt: new Date(now.getTime() + delayMs), lastError: detail }
}
