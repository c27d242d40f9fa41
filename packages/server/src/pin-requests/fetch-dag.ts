import type { Block } from '@keepsake/content/block.ts'
import { dagBytesOf } from '@keepsake/content/dag/size.ts'
import { RAW } from '@keepsake/content/hash/cid.ts'
import { verifyBlock } from '@keepsake/content/hash/verify.ts'
import { CID } from 'multiformats/cid'
import type { Blocks } from '../blocks/blocks.ts'
import { outwardLinks } from '../blocks/dag-check.ts'
import type { KeptShards } from '../blocks/present.ts'
import { findPresent } from '../blocks/present.ts'
import type { Db } from '../database/database.ts'
import type { BlockSession } from '../network/network.ts'
import { FetchError, toFetchError } from './fetch-failure.ts'
import { seenBlocks } from './seen-blocks.ts'
import { withTimeout } from './with-timeout.ts'

export interface FetchLimits {
  maxBytes: number
  maxBlocks: number
  maxBlockBytes: number
  /** Levels below the root. */
  maxDepth: number
  blockTimeoutMs: number
}

/** Blocks asked for at the same time; each takes its size in memory. */
const parallel = 16
/** Blocks looked up in the index at once. */
const batchSize = 256
/** Blocks that nobody gave, after which an attempt is broken off; up to then what else can be had is fetched. */
const maxFailures = 16

/** What is known of a DAG so far. */
export interface FetchProgress {
  /** Blocks that are here, and their bytes. */
  blocks: number
  bytes: number
  /** Of them, blocks that this attempt fetched. */
  fetched: number
  /** Bytes of the DAG as its root tells. */
  dagBytes?: number | undefined
}

export interface FetchOptions {
  database: Db
  blocks: Blocks
  session: BlockSession
  root: CID
  limits: FetchLimits
  /** Grows by the shards of blocks that were here. */
  kept: KeptShards
  /** Takes a block that was fetched and checked. What it returns is waited for before the next. */
  keep(block: Block): Promise<void> | undefined
  progress: FetchProgress
  signal: AbortSignal
}

/** A block to be visited, and how deep it lies. */
interface Visit {
  cid: CID
  depth: number
}

interface Arrival extends Visit {
  bytes?: Uint8Array
  error?: unknown
}

/**
 * Walks a DAG from its root: what is here is read here, what is not is fetched, several blocks at a time, checked, and kept. Depth first, so that
 * what waits to be visited stays few; and each block once, however often it is linked. Resolves when every block was here or was kept.
 *
 * @throws FetchError where a limit is passed or blocks cannot be had; whatever `keep` throws passes through
 */
export async function fetchDag(options: FetchOptions): Promise<void> {
  const { session, limits, keep, progress } = options
  const ending = new AbortController()
  const signal = AbortSignal.any([options.signal, ending.signal])
  const frontier = openFrontier(options)
  const arrivals = arrivalQueue()
  const failures = failureCount()
  const wanted: Visit[] = []
  try {
    for (;;) {
      signal.throwIfAborted()
      if (wanted.length < parallel && frontier.size > 0) wanted.push(...(await visitPresent(options, frontier)))
      for (; wanted.length > 0 && arrivals.size < parallel; ) {
        const visit = wanted.pop() as Visit
        arrivals.start(visit, fetchBlock(session, visit.cid, limits, signal))
      }
      if (arrivals.size === 0 && frontier.size === 0) break
      if (arrivals.size === 0) continue
      const { cid, depth, bytes, error } = await arrivals.next()
      signal.throwIfAborted()
      if (bytes === undefined) {
        failures.add(error)
        continue
      }
      progress.fetched++
      frontier.enter({ cid, depth }, bytes.length, bytes)
      await keep({ cid, bytes })
    }
    failures.throwIfAny()
  } finally {
    // What is still under way is wanted by nobody.
    ending.abort(new Error('The walk is over.'))
  }
}

/** The blocks that were linked and not visited yet; holds the limits. */
function openFrontier({ root, limits, progress }: FetchOptions) {
  const seen = seenBlocks()
  // A million of them may wait, so each is one short string: its depth, then its CID, a character a byte.
  const open: string[] = []
  const push = (cid: CID, depth: number) => {
    if (!seen.add(cid)) return
    if (seen.count > limits.maxBlocks)
      throw new FetchError(`The DAG has more than ${limits.maxBlocks} blocks, the most that a pin may have.`, { isFinal: true })
    open.push(String.fromCharCode(depth) + Buffer.from(cid.bytes).toString('latin1'))
  }
  push(root, 0)
  return {
    get size() {
      return open.length
    },
    /** The next to be visited, the very next last. */
    take(): Visit[] {
      return open
        .splice(-batchSize)
        .map((text) => ({ depth: text.charCodeAt(0), cid: CID.decode(Buffer.from(text.slice(1), 'latin1')) }))
    },
    /** Counts a block that is here, and follows its links. */
    enter({ cid, depth }: Visit, sizeBytes: number, bytes?: Uint8Array): void {
      progress.blocks++
      progress.bytes += sizeBytes
      if (progress.bytes > limits.maxBytes)
        throw new FetchError(`The DAG has more than ${limits.maxBytes} bytes, the most that a pin may have.`, { isFinal: true })
      if (depth === 0) progress.dagBytes = bytes ? dagBytesOf(cid, bytes) : sizeBytes
      if (bytes === undefined) return
      const links = outwardLinks(cid, bytes)
      if (links === undefined)
        throw new FetchError(`Block ${cid} is in a codec whose links cannot be read here (0x${cid.code.toString(16)}).`, {
          isFinal: true,
        })
      if (links.length > 0 && depth >= limits.maxDepth)
        throw new FetchError(`The DAG is more than ${limits.maxDepth} levels deep, the most that a pin may be.`, {
          isFinal: true,
        })
      // The first link is visited first.
      for (let at = links.length - 1; at >= 0; at--) push(links[at] as CID, depth + 1)
    },
  }
}

/** Visits the next blocks as far as they are here, and gives those that are not. A block that is here but damaged is fetched again. */
async function visitPresent(
  { database, blocks, kept, signal }: FetchOptions,
  frontier: ReturnType<typeof openFrontier>,
): Promise<Visit[]> {
  const visits = frontier.take()
  const { present, missing } = await findPresent(
    database,
    visits.map(({ cid }) => cid),
    kept,
  )
  const sizes = new Map(present.map(({ cid, sizeBytes }) => [cid, sizeBytes]))
  const isMissing = new Set(missing)
  for (const visit of visits) {
    const sizeBytes = sizes.get(visit.cid)
    if (sizeBytes === undefined) continue
    if (visit.cid.code === RAW) {
      frontier.enter(visit, sizeBytes)
      continue
    }
    const bytes = await blocks.get(visit.cid, { signal }).catch(() => undefined)
    signal.throwIfAborted()
    if (bytes) frontier.enter(visit, sizeBytes, bytes)
    else isMissing.add(visit.cid)
  }
  return visits.filter(({ cid }) => isMissing.has(cid))
}

/** Blocks on their way, in the order in which they arrive. */
function arrivalQueue() {
  const arrived: Arrival[] = []
  let size = 0
  let tell = () => {}
  const arrive = (arrival: Arrival) => {
    arrived.push(arrival)
    tell()
  }
  return {
    get size() {
      return size
    },
    start(visit: Visit, bytes: Promise<Uint8Array>): void {
      size++
      bytes.then(
        (given) => arrive({ ...visit, bytes: given }),
        (error: unknown) => arrive({ ...visit, error }),
      )
    },
    async next(): Promise<Arrival> {
      if (arrived.length === 0) await new Promise<void>((resolve) => (tell = resolve))
      size--
      return arrived.shift() as Arrival
    },
  }
}

/** @throws FetchError, or whatever the session throws */
async function fetchBlock(session: BlockSession, cid: CID, limits: FetchLimits, signal: AbortSignal): Promise<Uint8Array> {
  const { blockTimeoutMs: timeoutMs, maxBlockBytes } = limits
  const tooLate = () => new FetchError(`Nobody gave block ${cid} within ${timeoutMs / 1000} seconds.`, { isFinal: false })
  const bytes = await withTimeout({ timeoutMs, signal, tooLate }, (until) => session.get(cid, { signal: until }))
  // The session has checked it too. What is written here is checked here.
  await verifyBlock(cid, bytes)
  if (bytes.length > maxBlockBytes)
    throw new FetchError(`Block ${cid} has ${bytes.length} bytes; a block may have ${maxBlockBytes}.`, { isFinal: true })
  return bytes
}

/** Blocks that could not be had. */
function failureCount() {
  let first: FetchError | undefined
  let count = 0
  const throwIfAny = () => {
    if (!first) return
    const message = count === 1 ? first.message : `${count} blocks could not be had. The first: ${first.message}`
    throw new FetchError(message, { isFinal: false, cause: first.cause })
  }
  return {
    add(error: unknown): void {
      const failure = toFetchError(error)
      if (failure.isFinal) throw failure
      first ??= failure
      if (++count >= maxFailures) throwIfAny()
    },
    throwIfAny,
  }
}
