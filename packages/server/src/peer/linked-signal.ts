/** A signal that ends with others, and lets go of them when it is disposed of. */
export interface LinkedSignal extends Disposable {
  readonly signal: AbortSignal
  abort(reason: unknown): void
}

/**
 * Aborts when one of `others` does, or after `timeoutMs`. `AbortSignal.any` and `AbortSignal.timeout` do the same and need no disposing, but keep timers and
 * each other until long after the work is done: for thousands of small blocks a second that was most of the work.
 */
export function linkedSignal(others: readonly (AbortSignal | undefined)[], timeoutMs?: number): LinkedSignal {
  const controller = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const letGo = () => {
    clearTimeout(timer)
    for (const other of others) other?.removeEventListener('abort', follow)
  }
  const abort = (reason: unknown) => {
    letGo()
    controller.abort(reason)
  }
  const follow = ({ target }: Event) => abort((target as AbortSignal).reason)
  const ended = others.find((other) => other?.aborted)
  if (ended) controller.abort(ended.reason)
  else {
    for (const other of others) other?.addEventListener('abort', follow)
    if (timeoutMs !== undefined) timer = setTimeout(() => abort(new Error(`not within ${timeoutMs / 1000} s`)), timeoutMs)
  }
  return { signal: controller.signal, abort, [Symbol.dispose]: letGo }
}
