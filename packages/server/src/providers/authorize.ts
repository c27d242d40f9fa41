import { createHash } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { formatAddress, idAddress } from '@keepsake/filecoin/address.ts'
import { ChainFormatError } from '@keepsake/filecoin/errors.ts'
import { formatSpid, parseSpid, type Spid, spidEpochs, spidScheme, verifySpid } from '@keepsake/filecoin/spid.ts'
import { KeepsakeError } from '../errors.ts'
import type { SpidKeys } from './spid-keys.ts'

/** A storage provider that has shown who it is. */
export interface Identified {
  actorId: number
  /** The epoch it signed for. */
  epoch: number
  /** What it signed beside that; empty where nothing. */
  argument: Uint8Array
  /** Names the header, in whatever way it was written. */
  headerHash: Uint8Array
}

export interface Authorizer {
  /** What a header says, not checked yet. @throws KeepsakeError `ERROR_INVALID_SPID` */
  read(header: string | undefined): Spid
  /**
   * @throws KeepsakeError `ERROR_INVALID_SPID` with the reason; `ERROR_RATE_LIMITED`; `ERROR_UNAVAILABLE` where the node cannot be asked: never allowed
   */
  identify(spid: Spid, place: string, signal?: AbortSignal): Promise<Identified>
}

interface Components {
  keys: SpidKeys
  epochNow(): Promise<number>
}

/** What was found out about a header: a reason against it, or none. */
type Verdict = string | undefined

const maxVerdicts = 10_000
/** Wrong headers from one place in a window. One check takes 50 ms of a core; a provider with a wrong key is told soon enough. */
const maxWrong = 20
const wrongWindowMs = 60_000
/** Checks of signatures that wait for each other; they run one by one, and let other requests in between. */
const maxWaiting = 40

/**
 * FIL-SPID-V0. A header is good for its own epoch and the `spidEpochs` after it, for any number of requests in that time; what was found out about
 * it is remembered that long.
 */
export function openAuthorizer({ keys, epochNow }: Components): Authorizer {
  const verdicts = new Map<string, Promise<Verdict>>()
  const wrong = countWrong()
  const oneByOne = queue(maxWaiting)

  async function check(spid: Spid, signal?: AbortSignal): Promise<Verdict> {
    const [beacon, worker] = await Promise.all([
      keys.beacon(spid.epoch, signal),
      keys.workerKey(spid.actorId, spid.epoch, signal),
    ])
    const name = formatAddress(idAddress(spid.actorId))
    if (worker.protocol !== 3) return `The worker key of ${name} is no BLS key, and ${spidScheme} takes no other.`
    const isTrue = await oneByOne(() => verifySpid(spid, worker, beacon))
    return isTrue
      ? undefined
      : `The signature is not that of the worker key of ${name} over the randomness of epoch ${spid.epoch}.`
  }

  /** The verdict on a header, found out once; a node that cannot be asked leaves none. */
  function verdictOf(key: string, spid: Spid, signal?: AbortSignal): Promise<Verdict> {
    const known = verdicts.get(key)
    if (known) return known
    const found = check(spid, signal).catch((error: unknown) => {
      if (error instanceof KeepsakeError && error.code === 'ERROR_INVALID_SPID') return error.message
      verdicts.delete(key)
      throw error
    })
    found.catch(() => {})
    verdicts.set(key, found)
    for (const oldest of verdicts.keys()) if (verdicts.size > maxVerdicts) verdicts.delete(oldest)
    return found
  }

  return {
    read: parse,
    async identify(spid, place, signal) {
      checkEpoch(spid, await epochNow())
      const headerHash = createHash('sha256').update(formatSpid(spid)).digest()
      const key = headerHash.toString('base64url')
      if (!verdicts.has(key)) wrong.check(place)
      const verdict = await verdictOf(key, spid, signal)
      if (verdict !== undefined) {
        wrong.add(place)
        throw new KeepsakeError('ERROR_INVALID_SPID', verdict)
      }
      const { actorId, epoch, argument } = spid
      return { actorId, epoch, argument, headerHash }
    },
  }
}

function parse(header: string | undefined): Spid {
  if (header === undefined)
    throw new KeepsakeError(
      'ERROR_INVALID_SPID',
      `Show which provider you are: Authorization: ${spidScheme} <epoch>;<f0 address>;<signature>.`,
    )
  try {
    return parseSpid(header)
  } catch (error) {
    if (error instanceof ChainFormatError) throw new KeepsakeError('ERROR_INVALID_SPID', error.message, { cause: error })
    throw error
  }
}

function checkEpoch({ epoch }: Spid, now: number): void {
  if (epoch > now)
    throw new KeepsakeError(
      'ERROR_INVALID_SPID',
      `The header is of epoch ${epoch}, which has not come: it is ${now} now. Is your clock right?`,
    )
  if (now - epoch > spidEpochs)
    throw new KeepsakeError(
      'ERROR_INVALID_SPID',
      `The header is of epoch ${epoch}, and it is ${now} now: it was good until ${epoch + spidEpochs}. Sign a new one.`,
    )
}

/** Counts wrong headers by where they come from. */
function countWrong() {
  let windowEndsAt = 0
  const counts = new Map<string, number>()
  return {
    check(place: string): void {
      if (Date.now() >= windowEndsAt) counts.clear()
      if ((counts.get(place) ?? 0) < maxWrong) return
      throw new KeepsakeError(
        'ERROR_RATE_LIMITED',
        `${maxWrong} headers from ${place} were wrong within a minute; wait until it is over.`,
      )
    },
    add(place: string): void {
      if (Date.now() >= windowEndsAt) {
        counts.clear()
        windowEndsAt = Date.now() + wrongWindowMs
      }
      counts.set(place, (counts.get(place) ?? 0) + 1)
    },
  }
}

/** Runs one after the other, with a turn for others between. */
function queue(maxLength: number) {
  let last: Promise<unknown> = Promise.resolve()
  let length = 0
  return async <T>(work: () => T): Promise<T> => {
    if (length >= maxLength)
      throw new KeepsakeError('ERROR_UNAVAILABLE', 'Too many signatures wait to be checked; try again in a moment.')
    length += 1
    const mine = last.then(async () => {
      await nextTurn()
      return work()
    })
    last = mine.catch(() => {})
    try {
      return await mine
    } finally {
      length -= 1
    }
  }
}
