import { CallFailure } from '../../api/failure.ts'

export interface Wait {
  sentence: string
  /** When it is tried again. */
  until: number
}

interface PersistOptions {
  signal: AbortSignal
  /** Told before each wait, and with undefined when it is over. */
  onWait: (wait: Wait | undefined) => void
}

const firstWaitMs = 1000
const longestWaitMs = 30_000
/** A server that fails by itself may be starting; one that goes on failing does so for a reason. */
const maxServerErrors = 8

/** Tries until it works or there is no point in it: a network that is away and a server that restarts both come back. */
export async function persist<T>(attempt: () => Promise<T>, { signal, onWait }: PersistOptions): Promise<T> {
  let serverErrors = 0
  for (let tries = 0; ; tries++) {
    signal.throwIfAborted()
    try {
      return await attempt()
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof CallFailure) || !isPassing(error)) throw error
      if (error.status === 500 && ++serverErrors >= maxServerErrors) throw error
      const waitMs = Math.min(firstWaitMs * 2 ** tries, longestWaitMs) * (0.75 + Math.random() / 2)
      onWait({ sentence: sentenceFor(error), until: Date.now() + waitMs })
      await waitOrOnline(waitMs, signal)
      onWait(undefined)
    }
  }
}

function isPassing({ status }: CallFailure): boolean {
  return [0, 408, 429, 500, 502, 503, 504].includes(status)
}

function sentenceFor({ status, message }: CallFailure): string {
  if (!navigator.onLine) return 'This device is offline.'
  if (status === 0) return 'The server cannot be reached.'
  if (status === 429) return 'The server asks for a pause.'
  if (status === 503) return message
  return 'The server has a problem of its own.'
}

/** Being online again ends the wait. */
async function waitOrOnline(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const abort = () => reject(signal.reason)
  const timer = setTimeout(resolve, ms)
  signal.addEventListener('abort', abort)
  addEventListener('online', () => resolve(), { signal, once: true })
  try {
    await promise
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', abort)
  }
}
