const prefix = 'keepsake-upload-'

/** Says that an upload is this page's, until `signal` or the page is over, so that other tabs leave it alone. Browsers offer that over HTTPS only. */
export function claim(id: string, signal: AbortSignal): void {
  const over = () => new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
  void navigator.locks?.request(`${prefix}${id}`, { ifAvailable: true }, (lock) => (lock ? over() : undefined))
}

/** Uploads that are some tab's. */
export async function claimedIds(): Promise<ReadonlySet<string>> {
  const held = (await navigator.locks?.query())?.held ?? []
  return new Set(held.flatMap(({ name }) => (name?.startsWith(prefix) ? [name.slice(prefix.length)] : [])))
}
