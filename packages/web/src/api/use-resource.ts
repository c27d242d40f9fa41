import { useCallback, useEffect, useState } from 'react'

type Resource<T> =
  | { status: 'loading'; value: undefined; error: undefined }
  | { status: 'ready'; value: T; error: undefined }
  | { status: 'failed'; value: undefined; error: unknown }

export type Loaded<T> = Resource<T> & {
  /** Loads again; what is shown stays until the new answer is here. */
  reload: () => void
  /** Puts something in place of what was loaded, when it is known what became of it. */
  replace: (value: T) => void
}

/**
 * What `load` gives, kept for the page. `load` must stay the same function while its inputs do (`useCallback`): another one loads again,
 * and what the former one still gives is dropped.
 */
export function useResource<T>(load: (signal: AbortSignal) => Promise<T>): Loaded<T> {
  const [state, setState] = useState<Resource<T> & { of: unknown }>({ of: load, ...loading })
  const [turn, setTurn] = useState(0)

  // biome-ignore lint/correctness/useExhaustiveDependencies: another turn is the way to load again
  useEffect(() => {
    const leaving = new AbortController()
    load(leaving.signal).then(
      (value) => !leaving.signal.aborted && setState({ of: load, status: 'ready', value, error: undefined }),
      (error: unknown) =>
        !leaving.signal.aborted && setState({ of: load, status: 'failed', value: undefined, error: error ?? new Error() }),
    )
    return () => leaving.abort()
  }, [load, turn])

  const reload = useCallback(() => setTurn((one) => one + 1), [])
  const replace = useCallback((value: T) => setState({ of: load, status: 'ready', value, error: undefined }), [load])
  const current: Resource<T> = state.of === load ? state : loading
  return { ...current, reload, replace }
}

const loading = { status: 'loading', value: undefined, error: undefined } as const
