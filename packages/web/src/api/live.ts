import { CallFailure } from './failure.ts'

export interface LiveHandlers {
  /** An event of the name that was asked for. */
  onEvent: (data: unknown) => void
  /** The stream begins, for the first time or again: what happened before may have been missed. */
  onOpen: () => void
  /** It broke; it is tried again by itself. */
  onBreak: () => void
  /** The server has said that there will be no more. */
  onEnd: (reason: CallFailure) => void
}

const firstRetryMs = 1_000
const longestRetryMs = 30_000

/**
 * Follows a stream of server-sent events while the tab is seen: browsers open only six connections to a host, and hidden tabs would use them
 * up. Ends when `signal` aborts.
 */
export function followEvents(path: string, event: string, handlers: LiveHandlers, signal: AbortSignal): void {
  let source: EventSource | undefined
  let retryMs = firstRetryMs
  let timer: ReturnType<typeof setTimeout> | undefined
  const close = () => {
    clearTimeout(timer)
    source?.close()
    source = undefined
  }
  const open = () => {
    close()
    if (signal.aborted || document.visibilityState === 'hidden') return
    const mine = new EventSource(path)
    source = mine
    mine.onopen = () => {
      retryMs = firstRetryMs
      handlers.onOpen()
    }
    mine.onerror = () => {
      handlers.onBreak()
      // Browsers come back by themselves after a break, and never after an answer that is no stream, such as a proxy's 502.
      if (mine.readyState !== EventSource.CLOSED || source !== mine) return
      timer = setTimeout(open, retryMs)
      retryMs = Math.min(retryMs * 2, longestRetryMs)
    }
    mine.addEventListener(event, ({ data }) => handlers.onEvent(JSON.parse(data)))
    mine.addEventListener('end', ({ data }) => {
      close()
      const { code, message } = JSON.parse(data) as { code: string; message: string }
      handlers.onEnd(new CallFailure(code, 0, message))
    })
  }
  document.addEventListener('visibilitychange', open, { signal })
  signal.addEventListener('abort', close)
  open()
}
