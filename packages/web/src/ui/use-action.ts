import { useCallback, useState } from 'react'

export interface Action<A extends unknown[]> {
  /** Resolves to whether it worked; what was thrown is in `error`. */
  run: (...args: A) => Promise<boolean>
  busy: boolean
  error: unknown
  clear: () => void
}

/** Something a person begins and that takes a while: whether it is under way, and what went wrong. */
export function useAction<A extends unknown[]>(act: (...args: A) => Promise<unknown>): Action<A> {
  const [state, setState] = useState<{ busy: boolean; error: unknown }>({ busy: false, error: undefined })
  const run = async (...args: A): Promise<boolean> => {
    setState({ busy: true, error: undefined })
    try {
      await act(...args)
      setState({ busy: false, error: undefined })
      return true
    } catch (error) {
      setState({ busy: false, error: error ?? new Error() })
      return false
    }
  }
  const clear = useCallback(() => setState({ busy: false, error: undefined }), [])
  return { ...state, run, clear }
}
