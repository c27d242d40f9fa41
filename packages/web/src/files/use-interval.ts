import { useEffect, useRef } from 'react'

/** Calls `act` again and again while the tab is seen; never while `everyMs` is undefined. */
export function useInterval(act: () => void, everyMs: number | undefined): void {
  const latest = useRef(act)
  latest.current = act
  useEffect(() => {
    if (everyMs === undefined) return
    const timer = setInterval(() => document.visibilityState === 'visible' && latest.current(), everyMs)
    return () => clearInterval(timer)
  }, [everyMs])
}
