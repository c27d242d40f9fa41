import type { AbortOptions } from '@keepsake/content/block.ts'
import { CID } from 'multiformats/cid'
import type { HandedOver, PinBackend, PinState } from '../backend.ts'
import { BackendError, rootKey } from '../backend.ts'
import type { Caller } from '../calls/call.ts'
import type { CallBudget } from '../calls/call-budget.ts'
import { carForm } from '../calls/car-form.ts'
import { clip } from '../calls/failure.ts'
import type { Reply } from '../calls/reply.ts'

export interface KuboOptions {
  /** Where its RPC is, to which `/api/v0` is added. */
  url: URL
  call: Caller
  budget: CallBudget
}

/** From so many roots on, its list of pins is read instead of asking for each. */
const listFrom = 16

/** A Kubo node by its RPC: a DAG is imported as a CAR and pinned in the same call. */
export function kuboBackend({ url, call: send, budget }: KuboOptions): PinBackend {
  const at = (command: string, args: Record<string, string>) =>
    new URL(`${url.href.replace(/\/$/, '')}/api/v0/${command}?${new URLSearchParams(args)}`)
  const rpc = async (command: string, args: Record<string, string>, signal: AbortSignal | undefined) =>
    await send({ method: 'POST', url: at(command, args), accept: [500], signal })

  const statusOfOne = async (root: CID, signal: AbortSignal | undefined): Promise<PinState> => {
    const reply = await rpc('pin/ls', { arg: rootKey(root), type: 'recursive' }, signal)
    if (reply.status === 200) {
      await reply.drain()
      return { status: 'pinned' }
    }
    const message = await failureIn(reply)
    if (/is not pinned/.test(message)) return { status: 'absent' }
    throw new BackendError('unavailable', `${url.host}: ${message}`)
  }

  const statusByList = async (roots: readonly CID[], signal: AbortSignal | undefined) => {
    const open = new Set(roots.map(rootKey))
    const states = new Map<string, PinState>()
    const reply = await rpc('pin/ls', { type: 'recursive', stream: 'true' }, signal)
    if (reply.status !== 200) throw new BackendError('unavailable', `${url.host}: ${await failureIn(reply)}`)
    for await (const line of reply.lines()) {
      const { Cid } = (line ?? {}) as { Cid?: unknown }
      const key = typeof Cid === 'string' ? rootKey(CID.parse(Cid)) : ''
      if (open.delete(key)) states.set(key, { status: 'pinned' })
    }
    for (const key of open) states.set(key, { status: 'absent' })
    return states
  }

  const status = async (roots: readonly HandedOver[], { signal }: AbortOptions = {}) => {
    if (roots.length >= listFrom) {
      return budget.take()
        ? await statusByList(
            roots.map(({ root }) => root),
            signal,
          )
        : new Map<string, PinState>()
    }
    const states = new Map<string, PinState>()
    for (const { root } of roots) {
      if (!budget.take()) break
      states.set(rootKey(root), await statusOfOne(root, signal))
    }
    return states
  }

  return {
    name: 'kubo',
    status,
    async add({ root, car }, { signal } = {}) {
      const form = carForm(car({ signal }))
      const reply = await send({
        method: 'POST',
        url: at('dag/import', { 'pin-roots': 'true' }),
        headers: form.headers,
        body: form.body,
        accept: [500],
        signal,
      })
      if (reply.status !== 200) throw new BackendError('refused', `${url.host}: ${await failureIn(reply)}`)
      await requirePinned(reply, root)
      return { status: 'pinned' }
    },
    async audit(root, { signal } = {}) {
      const state = await statusOfOne(root, signal)
      if (state.status !== 'pinned') return state
      // Walks all of it without asking the network: a pin is only as good as the blocks below it.
      const reply = await rpc('dag/stat', { arg: rootKey(root), offline: 'true', progress: 'false' }, signal)
      if (reply.status !== 200) return { status: 'failed', detail: await failureIn(reply) }
      await reply.drain()
      return state
    },
    async remove(root, { signal } = {}) {
      const reply = await rpc('pin/rm', { arg: rootKey(root), recursive: 'true' }, signal)
      if (reply.status === 200) return await reply.drain()
      const message = await failureIn(reply)
      if (!/not pinned|is pinned indirectly/.test(message)) throw new BackendError('refused', `${url.host}: ${message}`)
    },
    async check({ signal } = {}) {
      const reply = await rpc('id', {}, signal)
      if (reply.status !== 200) throw new BackendError('unavailable', `${url.host}: ${await failureIn(reply)}`)
      await reply.drain()
      return undefined
    },
    [Symbol.asyncDispose]: async () => send[Symbol.dispose](),
  }
}

/** That the answer to an import says of the root that it was pinned. */
async function requirePinned(reply: Reply, root: CID): Promise<void> {
  let isPinned = false
  let reason = ''
  for await (const line of reply.lines()) {
    const { Root } = (line ?? {}) as { Root?: { Cid?: { '/'?: unknown }; PinErrorMsg?: unknown } }
    const text = Root?.Cid?.['/']
    if (typeof text !== 'string' || rootKey(CID.parse(text)) !== rootKey(root)) continue
    reason = typeof Root?.PinErrorMsg === 'string' ? clip(Root.PinErrorMsg) : ''
    isPinned = reason === ''
  }
  if (!isPinned) throw new BackendError('refused', `Kubo imported the CAR and did not pin it${reason && `: ${reason}`}`)
}

const maxErrorBytes = 64 * 1024

async function failureIn(reply: Reply): Promise<string> {
  const text = await reply.text(maxErrorBytes)
  try {
    const { Message } = JSON.parse(text) as { Message?: unknown }
    return clip(typeof Message === 'string' ? Message : text)
  } catch {
    return clip(text)
  }
}
