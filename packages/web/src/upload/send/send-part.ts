import type { Nft } from '@keepsake/api/nft.ts'
import { csrfHeaders, failureOf } from '../../api/call.ts'
import { CallFailure } from '../../api/failure.ts'

interface SendPartOptions {
  name: string
  signal: AbortSignal
  /** How many bytes of this part went out. */
  onSent: (bytes: number) => void
}

/** A connection on which nothing moved for so long is given up and made anew. */
const stalledMs = 90_000
const maxNameLength = 1024

/**
 * Sends a CAR. By XMLHttpRequest, because `fetch` does not tell how far a body has gone; the browser reads the part from the disk as it goes.
 *
 * @throws CallFailure `UNREACHABLE` when the connection broke; what the server said; what `signal` was aborted with
 */
export async function sendPart(part: Blob, { name, signal, onSent }: SendPartOptions): Promise<Nft> {
  signal.throwIfAborted()
  const { promise, resolve, reject } = Promise.withResolvers<Nft>()
  const request = new XMLHttpRequest()
  const abort = () => {
    reject(signal.reason)
    request.abort()
  }
  const broke = () => reject(new CallFailure('UNREACHABLE', 0, 'The connection to the server broke.'))
  const giveUp = () => {
    broke()
    request.abort()
  }
  let stalled: ReturnType<typeof setTimeout> | undefined
  const watch = () => {
    clearTimeout(stalled)
    stalled = setTimeout(giveUp, stalledMs)
  }
  signal.addEventListener('abort', abort)
  // Otherwise it may be minutes until the connection is found to lead nowhere.
  addEventListener('offline', giveUp)
  request.open('POST', '/api/upload')
  request.setRequestHeader('content-type', 'application/vnd.ipld.car')
  const label = name.slice(0, maxNameLength).toWellFormed()
  if (label.trim()) request.setRequestHeader('x-name', encodeURIComponent(label))
  for (const [header, value] of Object.entries(csrfHeaders)) request.setRequestHeader(header, value)
  request.upload.addEventListener('progress', ({ loaded }) => {
    watch()
    onSent(loaded)
  })
  request.addEventListener('error', broke)
  request.addEventListener('load', () => settle(request, resolve, reject))
  watch()
  request.send(part)
  try {
    return await promise
  } finally {
    clearTimeout(stalled)
    signal.removeEventListener('abort', abort)
    removeEventListener('offline', giveUp)
  }
}

interface Answer {
  ok?: boolean
  value?: Nft
  error?: { code?: string; message?: string }
}

function settle(request: XMLHttpRequest, resolve: (nft: Nft) => void, reject: (error: CallFailure) => void): void {
  let answer: Answer = {}
  try {
    answer = JSON.parse(request.responseText)
  } catch {
    // Something between here and the server answered in its place; the status says what to make of it.
  }
  if (request.status === 200 && answer.value) resolve(answer.value)
  else reject(failureOf(request, answer))
}
