import type { AbortOptions } from '@keepsake/content/block.ts'
import { BackendError } from '../backend.ts'
import type { Call, Caller } from '../calls/call.ts'
import type { Reply } from '../calls/reply.ts'

/** A peer that did not answer is asked last for this long. */
const restMs = 30_000

/** A call to whichever peer can take it; `path` is relative to the peer's address. */
export interface PeerCall extends Omit<Call, 'url' | 'body'> {
  path: string
  /** Made anew for every peer that is tried. */
  body?: (() => { headers: Record<string, string>; body: AsyncIterable<Uint8Array> }) | undefined
}

export interface Peers {
  /**
   * Calls one peer after the other until one gives an answer that `read` takes. Calls are spread over the peers that are well.
   *
   * @throws BackendError of the last peer that refused, else of the last that could not be reached
   */
  call<T>(call: PeerCall, read: (reply: Reply) => Promise<T>): Promise<T>
  /** Calls each peer; what went wrong, by its address. */
  callEach(call: PeerCall, options?: AbortOptions): Promise<Map<string, BackendError | undefined>>
}

/** The peers of one cluster: any of them takes any call. */
export function clusterPeers(urls: readonly URL[], send: Caller): Peers {
  const restUntil = new Map<URL, number>()
  let turn = 0
  const inOrder = () => {
    const first = turn++ % urls.length
    const rotated = [...urls.slice(first), ...urls.slice(0, first)]
    const isWell = (url: URL) => (restUntil.get(url) ?? 0) <= Date.now()
    return [...rotated.filter(isWell), ...rotated.filter((url) => !isWell(url))]
  }
  const callAt = async (base: URL, { path, body: form, headers, ...call }: PeerCall): Promise<Reply> => {
    const made = form?.()
    return await send({ ...call, url: at(base, path), headers: { ...headers, ...made?.headers }, body: made?.body })
  }
  return {
    async call(call, read) {
      let refused: BackendError | undefined
      let lost: BackendError | undefined
      for (const base of inOrder()) {
        try {
          return await read(await callAt(base, call))
        } catch (error) {
          if (!(error instanceof BackendError)) throw error
          call.signal?.throwIfAborted()
          // What was wrong with the request is wrong at every peer.
          if (error.status !== undefined && error.kind === 'refused') throw error
          if (error.kind === 'refused' || error.status === 500) refused = error
          else {
            lost = error
            restUntil.set(base, Date.now() + restMs)
          }
        }
      }
      // A 500 or a failure in the trailer is about this one root; other peers may have been away.
      if (refused) throw new BackendError('refused', refused.message, { cause: refused })
      throw lost ?? new BackendError('unavailable', 'The cluster has no peers.')
    },
    async callEach(call, { signal } = {}) {
      const results = await Promise.all(
        urls.map(async (base) => {
          try {
            await (await callAt(base, { ...call, signal })).drain()
            return undefined
          } catch (error) {
            if (error instanceof BackendError) return error
            throw error
          }
        }),
      )
      return new Map(urls.map((url, index) => [url.host, results[index]]))
    },
  }
}

function at(base: URL, path: string): URL {
  return new URL(`${base.pathname.replace(/\/$/, '')}${path}`, base.origin)
}
