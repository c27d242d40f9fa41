import { setTimeout as sleep } from 'node:timers/promises'

/** Wakes one waiter; rung while nobody waits, it wakes the next at once. However often it is rung meanwhile, that is one ring. */
export interface Bell {
  ring(): void
  /** Resolves at the next ring, after `timeoutMs`, or when `signal` aborts. */
  wait(timeoutMs: number, signal: AbortSignal): Promise<void>
}

export function createBell(): Bell {
  let isRung = false
  let wake: (() => void) | undefined
  return {
    ring() {
      isRung = true
      wake?.()
    },
    async wait(timeoutMs, signal) {
      const done = new AbortController()
      const rung = new Promise<void>((resolve) => (wake = resolve))
      if (!isRung) {
        const timeout = sleep(timeoutMs, undefined, { signal: AbortSignal.any([signal, done.signal]) }).catch(() => {})
        await Promise.race([rung, timeout])
      }
      done.abort()
      wake = undefined
      isRung = false
    },
  }
}
