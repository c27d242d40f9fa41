import { useEffect, useRef, useState } from 'react'
import type { CallFailure } from './failure.ts'
import { followEvents } from './live.ts'

interface LiveOptions<T> {
  /** The name of the events. */
  event: string
  onEvent: (data: T) => void
  onOpen?: () => void
  onEnd?: (reason: CallFailure) => void
}

/** Follows a stream of events while the page is there. Gives whether it is followed at this moment. */
export function useLive<T>(path: string, options: LiveOptions<T>): boolean {
  const [isLive, setLive] = useState(false)
  const latest = useRef(options)
  latest.current = options
  const { event } = options
  useEffect(() => {
    const leaving = new AbortController()
    const handlers = {
      onEvent: (data: unknown) => latest.current.onEvent(data as T),
      onOpen: () => {
        setLive(true)
        latest.current.onOpen?.()
      },
      onBreak: () => setLive(false),
      onEnd: (reason: CallFailure) => {
        setLive(false)
        latest.current.onEnd?.(reason)
      },
    }
    followEvents(path, event, handlers, leaving.signal)
    return () => leaving.abort()
  }, [path, event])
  return isLive
}
