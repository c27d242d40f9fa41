import { chainHead, type GetTipSet, tipSetsOf } from './chain.ts'
import type { Rpc } from './client.ts'
import { isSameKey, type TipSet } from './tip-set.ts'
import { checkParent } from './tip-set-rules.ts'

/** A tipset that joined the chain, or left it. Reverts come first, newest first; then what takes their place, oldest first. */
export interface HeadChange {
  type: 'apply' | 'revert'
  tipSet: TipSet
}

/**
 * A path between two heads.
 *
 * @throws Error where they part more than `maxDepth` tipsets ago; TypeError where a tipset cannot be on top of what it says it is on top of
 */
export async function pathBetween(
  get: GetTipSet,
  from: TipSet,
  to: TipSet,
  { maxDepth = 900 }: { maxDepth?: number } = {},
): Promise<HeadChange[]> {
  const reverts: HeadChange[] = []
  const applies: HeadChange[] = []
  let [left, right] = [from, to]
  while (!isSameKey(left.cids, right.cids)) {
    if (reverts.length + applies.length >= 2 * maxDepth) {
      throw new Error(`The heads at epochs ${from.height} and ${to.height} part more than ${maxDepth} tipsets ago.`)
    }
    if (left.height > right.height || (left.height === right.height && left.height > 0)) {
      reverts.push({ type: 'revert', tipSet: left })
      left = await parentOf(get, left)
    } else {
      applies.push({ type: 'apply', tipSet: right })
      right = await parentOf(get, right)
    }
  }
  return [...reverts, ...applies.reverse()]
}

/** The tipset of an epoch on the chain below `head`; where that epoch had none, the last one before it. @throws as `pathBetween` */
export async function ancestorAt(get: GetTipSet, head: TipSet, height: number): Promise<TipSet> {
  let found = head
  while (found.height > height) found = await parentOf(get, found)
  return found
}

async function parentOf(get: GetTipSet, tipSet: TipSet): Promise<TipSet> {
  if (tipSet.height === 0)
    throw new Error('The two heads have not even the first block in common: they are of different networks.')
  const parent = await get(tipSet.blocks[0]?.parents ?? [])
  checkParent(tipSet, parent)
  return parent
}

export interface FollowOptions {
  signal: AbortSignal
  /** How often to ask where nobody tells. */
  intervalMs: number
  /** Tells when the head may have changed; see `chainNotices`. */
  notices?: AsyncIterable<unknown>
  /** Told of each failure; asking goes on. */
  onTrouble?: (error: Error) => void
}

/**
 * What happens to the chain from `head` on. Ends when `signal` aborts.
 *
 * A notice only says that it is time to ask: the path from the last head told to the new one is walked over checked headers, so nothing is lost while
 * a node, or its subscription, is away, and no node can make up a reorganisation.
 */
export async function* followHead(rpc: Rpc, head: TipSet, options: FollowOptions): AsyncGenerator<HeadChange[]> {
  const { signal, intervalMs, onTrouble } = options
  const bell = ring(options)
  let last = head
  while (!signal.aborted) {
    await bell.next(intervalMs)
    if (signal.aborted) return
    try {
      const next = await chainHead(rpc, { signal })
      const path = await pathBetween(tipSetsOf(rpc, { signal }), last, next)
      last = next
      if (path.length > 0) yield path
    } catch (error) {
      if (signal.aborted) return
      onTrouble?.(error as Error)
    }
  }
}

/** Rings when a notice comes, when the time is over, or when it ends. A notice that comes meanwhile is remembered. */
function ring({ signal, notices, onTrouble }: FollowOptions) {
  let isRung = false
  let wake = () => {}
  const rung = () => {
    isRung = true
    wake()
  }
  signal.addEventListener('abort', rung)
  void (async () => {
    for await (const _ of notices ?? []) rung()
  })().catch((error: unknown) => onTrouble?.(error as Error))
  return {
    async next(intervalMs: number): Promise<void> {
      if (!isRung) {
        const { promise, resolve } = Promise.withResolvers<void>()
        const timer = setTimeout(resolve, intervalMs)
        wake = resolve
        await promise
        clearTimeout(timer)
      }
      isRung = false
    },
  }
}
