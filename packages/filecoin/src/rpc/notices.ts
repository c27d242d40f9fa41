import type { RpcEndpoint } from './client.ts'

/** A node sends one every epoch at least; a subscription that is silent for longer is dead. */
const defaultSilenceMs = 120_000
const defaultReconnectMs = 2_000

interface NoticeOptions {
  signal: AbortSignal
  silenceMs?: number
  reconnectMs?: number
  onTrouble?: (error: Error) => void
}

/**
 * Yields whenever a node says by `ChainNotify` that its head changed. Connects again when the connection ends; where a node offers none, it only
 * reports that, and whoever follows goes on asking.
 *
 * Tokens are not sent: a browser's WebSocket has no headers, and nodes let everybody read the chain.
 */
export async function* chainNotices({ url }: RpcEndpoint, options: NoticeOptions): AsyncGenerator<void> {
  const { signal, onTrouble, reconnectMs = defaultReconnectMs } = options
  while (!signal.aborted) {
    try {
      yield* subscription(url.replace(/^http/, 'ws'), options)
    } catch (error) {
      if (!signal.aborted) onTrouble?.(error as Error)
    }
    if (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, reconnectMs))
  }
}

async function* subscription(url: string, { signal, silenceMs = defaultSilenceMs }: NoticeOptions): AsyncGenerator<void> {
  const socket = new WebSocket(url)
  let unseen = 0
  let failure: Error | undefined
  let wake = () => {}
  const end = (reason: string) => {
    failure ??= new Error(`the subscription to ${new URL(url).host} ended: ${reason}`)
    wake()
  }
  const onAbort = () => end('stopped')
  signal.addEventListener('abort', onAbort)
  socket.onopen = () => socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'Filecoin.ChainNotify', params: [] }))
  socket.onerror = () => end('it cannot be reached')
  socket.onclose = () => end('it was closed')
  socket.onmessage = ({ data }) => {
    const kind = kindOf(data)
    if (kind === 'refused') end('the node refuses it')
    if (kind !== 'news') return
    unseen++
    wake()
  }
  try {
    while (failure === undefined) {
      if (unseen === 0)
        await woken(
          (resolve) => (wake = resolve),
          silenceMs,
          () => end(`silent for ${silenceMs} ms`),
        )
      if (unseen === 0) continue
      unseen = 0
      yield
    }
    throw failure
  } finally {
    signal.removeEventListener('abort', onAbort)
    socket.close()
  }
}

async function woken(listen: (resolve: () => void) => void, silenceMs: number, onSilence: () => void): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  listen(resolve)
  const timer = setTimeout(() => {
    onSilence()
    resolve()
  }, silenceMs)
  await promise
  clearTimeout(timer)
}

/** `xrpc.ch.val` brings changes, `xrpc.ch.close` ends them; the answer to the call itself has a result or an error. */
function kindOf(data: unknown): 'news' | 'refused' | 'other' {
  try {
    const { method, error } = JSON.parse(String(data)) as { method?: unknown; error?: unknown }
    if (error !== undefined || method === 'xrpc.ch.close') return 'refused'
    return method === 'xrpc.ch.val' ? 'news' : 'other'
  } catch {
    return 'other'
  }
}
