import type { CID } from 'multiformats/cid'
import type { AbortOptions, Block, BlockSource } from '../block.ts'
import { ContentError } from '../errors.ts'

/** Levels below the start of a walk. Real DAGs stay below 20; a deeper one was made to hurt. */
export const MAX_DEPTH = 64

/** A block still to be visited; `info` is whatever its parent knows about it. */
export interface Visit<T> {
  cid: CID
  info: T
}

/** What a visited block means: `value` is handed to the reader of the walk, `children` are walked next, in order. */
export interface Expanded<T, V> {
  value: V
  children: readonly Visit<T>[]
}

export interface WalkOptions<T> extends AbortOptions {
  /** Asked in order, right before a block is handed out: `false` leaves the block and everything below it out. */
  enter?: ((visit: Visit<T>) => boolean) | undefined
  /** The start block where it has been read already. */
  bytes?: Uint8Array | undefined
}

interface Step<T, V> {
  visit: Visit<T>
  value: V
  below: Frame<T, V> | undefined
}

/** The children of one node, and how far they have been read. */
interface Frame<T, V> {
  visits: readonly Visit<T>[]
  blocks: AsyncIterator<Block>
  /** Index of the child that will be loaded next. */
  position: number
  /** The first block, where asking for it was begun before it was needed. */
  primed: Promise<IteratorResult<Block>> | undefined
  /** The next child, where it was loaded before it was needed. */
  ahead: Promise<Step<T, V> | undefined> | undefined
}

/**
 * Walks a DAG depth first and yields the value of each block, parents before children.
 *
 * All children of a node are asked for at once. While the children of one inner node are being handed out, its next sibling is
 * loaded and the first of the sibling's children asked for, so that a disk does not fall idle between two inner nodes.
 * Memory: the blocks of the way down and of one node beside it. Errors of `blocks` and `expand` pass through; `LIMIT_EXCEEDED`
 * below `MAX_DEPTH`.
 */
export async function* walk<T, V>(
  blocks: BlockSource,
  start: Visit<T>,
  expand: (bytes: Uint8Array, visit: Visit<T>) => Expanded<T, V>,
  options: WalkOptions<T> = {},
): AsyncGenerator<V> {
  const { signal, enter, bytes } = options
  const walker = createWalker(blocks, expand, signal)
  if (enter && !enter(start)) return
  const root = walker.open(start, bytes ?? (await blocks.get(start.cid, { signal })))
  const stack: Frame<T, V>[] = root.below ? [root.below] : []
  try {
    yield root.value
    for (let frame = stack.at(-1); frame; frame = stack.at(-1)) {
      const step = await walker.take(frame)
      if (!step) close(stack.pop())
      else if (enter && !enter(step.visit)) close(step.below)
      else {
        if (step.below) {
          walker.readAhead(frame)
          if (stack.push(step.below) > MAX_DEPTH)
            throw new ContentError('LIMIT_EXCEEDED', `A DAG is more than ${MAX_DEPTH} levels deep.`)
        }
        yield step.value
      }
    }
  } finally {
    for (const frame of stack) close(frame)
  }
}

function createWalker<T, V>(
  blocks: BlockSource,
  expand: (bytes: Uint8Array, visit: Visit<T>) => Expanded<T, V>,
  signal: AbortSignal | undefined,
) {
  function open(visit: Visit<T>, bytes: Uint8Array): Step<T, V> {
    const { value, children } = expand(bytes, visit)
    if (children.length === 0) return { visit, value, below: undefined }
    const wanted = blocks.getMany(
      children.map((child) => child.cid),
      { signal },
    )
    return {
      visit,
      value,
      below: { visits: children, blocks: wanted[Symbol.asyncIterator](), position: 0, primed: undefined, ahead: undefined },
    }
  }

  async function load(frame: Frame<T, V>): Promise<Step<T, V> | undefined> {
    const visit = frame.visits[frame.position++]
    if (!visit) return undefined
    const next = await (frame.primed ?? frame.blocks.next())
    frame.primed = undefined
    if (next.done) throw new ContentError('BLOCK_NOT_FOUND', `Block ${visit.cid} was not delivered.`)
    return open(visit, next.value.bytes)
  }

  function take(frame: Frame<T, V>): Promise<Step<T, V> | undefined> {
    const { ahead } = frame
    frame.ahead = undefined
    return ahead ?? load(frame)
  }

  function readAhead(frame: Frame<T, V>): void {
    frame.ahead = load(frame).then((step) => {
      if (step?.below) {
        step.below.primed = step.below.blocks.next()
        step.below.primed.catch(() => {})
      }
      return step
    })
    // It fails where it is taken; when the walk ends before that, nobody needs to know.
    frame.ahead.catch(() => {})
  }

  return { open, take, readAhead }
}

/** Gives iterators back without waiting for what they are reading. */
function close<T, V>(frame: Frame<T, V> | undefined): void {
  if (!frame) return
  frame.ahead?.then(
    (step) => close(step?.below),
    () => {},
  )
  frame.blocks.return?.().catch(() => {})
}
