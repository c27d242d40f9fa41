interface ReceivedEvent {
  event: string
  id: string | undefined
  // biome-ignore lint/suspicious/noExplicitAny: whatever the server says is what is under test
  data: any
}

export interface EventReader extends AsyncDisposable {
  status: number
  contentType: string
  /** The next event; heartbeats are passed over. Undefined where the stream ended. */
  next(): Promise<ReceivedEvent | undefined>
  /** All text until a heartbeat, that included. */
  untilHeartbeat(): Promise<string>
}

/** Reads server-sent events, as a program would. */
export async function readEvents(url: string, headers: Record<string, string>): Promise<EventReader> {
  const aborting = new AbortController()
  const response = await fetch(url, { headers: { accept: 'text/event-stream', ...headers }, signal: aborting.signal })
  const reader = (response.body as ReadableStream<BufferSource>).pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  const takeBlock = async (): Promise<string | undefined> => {
    for (;;) {
      const end = text.indexOf('\n\n')
      if (end >= 0) {
        const block = text.slice(0, end)
        text = text.slice(end + 2)
        return block
      }
      const { done, value } = await reader.read()
      if (done) return undefined
      text += value
    }
  }
  return {
    status: response.status,
    contentType: response.headers.get('content-type') ?? '',
    async next() {
      for (;;) {
        const block = await takeBlock()
        if (block === undefined) return undefined
        const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1]
        const data = field('data')
        if (data !== undefined) return { event: field('event') ?? 'message', id: field('id'), data: JSON.parse(data) }
      }
    },
    async untilHeartbeat() {
      let seen = ''
      for (;;) {
        const block = await takeBlock()
        if (block === undefined) throw new Error(`The stream ended after: ${seen}`)
        seen += `${block}\n\n`
        if (block.startsWith(':')) return seen
      }
    },
    async [Symbol.asyncDispose]() {
      aborting.abort()
      await reader.cancel().catch(() => {})
    },
  }
}
