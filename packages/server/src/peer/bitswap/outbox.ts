import type { AbortOptions, Connection, Stream } from '@libp2p/interface'
import type { Uint8ArrayList } from 'uint8arraylist'
import { bitswapProtocol } from './message.ts'

/** Sends messages to one peer, one after the other, over a stream that is kept open between them. */
export interface Outbox {
  /**
   * Resolves when the peer, or the system on the way to it, has taken the bytes: so whoever waits for it before the next message never has
   * more than one in memory.
   *
   * @throws when there is no connection, or it breaks, or takes longer than `sendTimeoutMs`
   */
  send(message: Uint8ArrayList): Promise<void>
  close(): void
}

/** A peer that does not take a message in this time is slower than 40 KiB a second. */
const sendTimeoutMs = 30_000

export function outbox(findConnection: () => Connection | undefined): Outbox {
  let stream: Stream | undefined
  let last: Promise<unknown> = Promise.resolve()
  let isClosed = false

  const open = async (options: AbortOptions): Promise<Stream> => {
    if (stream?.writeStatus === 'writable' && stream.status === 'open') return stream
    const connection = findConnection()
    if (!connection || isClosed) throw new Error('the peer is not connected')
    stream = await connection.newStream(bitswapProtocol, { ...options, runOnLimitedConnection: false })
    return stream
  }

  const sendNow = async (message: Uint8ArrayList): Promise<void> => {
    const signal = AbortSignal.timeout(sendTimeoutMs)
    const opened = await open({ signal })
    try {
      if (!opened.send(message)) await opened.onDrain({ signal })
    } catch (error) {
      opened.abort(error as Error)
      throw error
    }
  }

  return {
    send(message) {
      const sent = last.then(() => sendNow(message))
      last = sent.catch(() => {})
      return sent
    },
    close() {
      isClosed = true
      void stream?.close({ signal: AbortSignal.timeout(1_000) }).catch(() => stream?.abort(new Error('closed')))
    },
  }
}
