import { useCallback, useEffect, useRef } from 'react'

/** Calls `act` at once, and then at most once in `everyMs`, a last time after the last call. */
export function useThrottled(act: () => void, everyMs: number): () => void {
  const latest = useRef(act)
  latest.current = act
  const state = useRef<{ at: number; timer: ReturnType<typeof setTimeout> | undefined }>({ at: 0, timer: undefined })
  useEffect(() => () => clearTimeout(state.current.timer), [])
  return useCallback(() => {
    const { current } = state
    if (current.timer !== undefined) return
    const waitMs = Math.max(0, current.at + everyMs - Date.now())
    current.timer = setTimeout(() => {
      state.current = { at: Date.now(), timer: undefined }
      latest.current()
    }, waitMs)
  }, [everyMs])
}
