import { CallFailure } from '../../api/failure.ts'
import { unreadable } from '../pack/pack.ts'
import { UploadProblem } from '../problem.ts'
import { persist, type Wait } from './persist.ts'
import { sendPart } from './send-part.ts'
import type { Slots } from './slots.ts'

interface SendPartsOptions {
  cid: string
  parts: readonly Blob[]
  name: string
  /** Which of the parts the server has said it holds. */
  acknowledged: ReadonlySet<number>
  /** Shared with the other uploads of this page. */
  places: Slots
  signal: AbortSignal
  /** Bytes of all parts that are there or on their way. It goes back when a part is sent again. */
  onSent: (bytes: number) => void
  onAcknowledged: (index: number) => Promise<void>
  onWait: (wait: Wait | undefined) => void
}

/** Sends the parts that are missing, some at a time. The first that cannot be sent ends it all. */
export async function sendParts(options: SendPartsOptions): Promise<void> {
  const { parts, acknowledged, places } = options
  const sent = parts.map((part, index) => (acknowledged.has(index) ? part.size : 0))
  const report = (index: number, bytes: number) => {
    sent[index] = Math.min(bytes, parts[index]?.size ?? 0)
    options.onSent(sent.reduce((sum, one) => sum + one, 0))
  }
  const failing = new AbortController()
  const signal = AbortSignal.any([options.signal, failing.signal])
  const sending = parts.map(async (part, index) => {
    if (acknowledged.has(index)) return
    await places.hold(signal, async () => {
      await persist(() => sendChecked(part, { ...options, signal }, (bytes) => report(index, bytes)), {
        signal,
        onWait: options.onWait,
      })
      report(index, part.size)
      await options.onAcknowledged(index)
    })
  })
  try {
    await Promise.all(sending)
  } catch (error) {
    failing.abort(error)
    await Promise.allSettled(sending)
    throw error
  }
}

async function sendChecked(
  part: Blob,
  { cid, name, signal }: Pick<SendPartsOptions, 'cid' | 'name' | 'signal'>,
  onSent: (bytes: number) => void,
): Promise<void> {
  try {
    const nft = await sendPart(part, { name, signal, onSent })
    if (nft.cid !== cid) throw new UploadProblem(`The server answered ${nft.cid} for what is ${cid}. Do not rely on it.`)
  } catch (error) {
    onSent(0)
    throw await explained(error, part)
  }
}

/** A body that cannot be read looks like a broken connection; and bytes that changed, like damage on the way. */
async function explained(error: unknown, part: Blob): Promise<unknown> {
  if (!(error instanceof CallFailure)) return error
  if (error.status === 0 && !(await isReadable(part))) return new UploadProblem(unreadable)
  if (error.code === 'ERROR_INVALID_CAR' && /hash/.test(error.message)) return new UploadProblem(unreadable)
  if (error.status === 401)
    return new UploadProblem('You are signed out. Sign in again, then continue here: nothing that was sent is lost.')
  return error
}

async function isReadable(part: Blob): Promise<boolean> {
  try {
    for (let at = 0; at < part.size; at += part.size / 4) await part.slice(at, at + 1).arrayBuffer()
    await part.slice(-1).arrayBuffer()
    return true
  } catch {
    return false
  }
}
