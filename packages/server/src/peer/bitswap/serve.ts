import type { Block } from '@keepsake/content/block.ts'
import { isIdentity } from '@keepsake/content/dag/identity.ts'
import type { CID } from 'multiformats/cid'
import type { Uint8ArrayList } from 'uint8arraylist'
import { slots } from '../../blobs/slots.ts'
import type { Blocks } from '../../blocks/blocks.ts'
import type { Located } from '../../blocks/location-finder.ts'
import type { Presence, WantEntry } from './message.ts'
import { encodeMessage } from './message.ts'

/** Blocks one peer may have asked for and not got yet; Kubo asks for at most as many. What comes beyond is not noted. */
const maxWantsPerPeer = 1024
/** Wants looked up in the index at once. */
const maxLookup = 256
/**
 * Bytes of blocks in a message. Peers take messages of up to 4 MiB, some of 2 MiB; a block larger than this goes alone. Larger messages
 * do not make it quicker, and each is in memory twice: one on its way, one being read.
 */
const maxMessageBytes = 1024 * 1024
/** Messages being read or sent at the same moment, to all peers together; the others wait their turn. It bounds memory to some 100 MiB. */
const maxMessages = 64

interface Want {
  cid: CID
  wantsBlock: boolean
  sendDontHave: boolean
  /** Where the block lies, once it was looked up; nowhere, where it is not here. */
  places?: readonly Located[]
}

/** What one peer waits for. */
interface Ledger {
  wants: Map<string, Want>
  isServed: boolean
  isGone: boolean
}

export interface ServeOptions {
  blocks: Pick<Blocks, 'locate' | 'getLocated'>
  /** Resolves when the peer has taken it. */
  send(peer: string, message: Uint8ArrayList): Promise<void>
  /** The peer takes nothing, or cannot be reached: it is to be let go. */
  onFailed(peer: string, error: unknown): void
  /** A block the index has cannot be read. */
  onUnreadable(cid: CID, error: unknown): void
}

export interface ServeStats {
  peers: number
  wants: number
  blocksSent: number
  bytesSent: number
  notHere: number
}

/** Answers what peers ask for, with what the index has at that moment. */
export interface BlockServer {
  receive(peer: string, wants: readonly WantEntry[], isFull: boolean): void
  /** Forgets what the peer asked for. */
  forget(peer: string): void
  stats(): ServeStats
}

export function blockServer(options: ServeOptions): BlockServer {
  const ledgers = new Map<string, Ledger>()
  const messages = slots(maxMessages)
  const counts = { blocksSent: 0, bytesSent: 0, notHere: 0 }

  const serve = async (peer: string, ledger: Ledger): Promise<void> => {
    let sent: Promise<void> = Promise.resolve()
    while (ledger.wants.size > 0 && !ledger.isGone) {
      const before = sent
      const read = Promise.withResolvers<void>()
      // The next message is read while this one is on its way, and no more than that.
      sent = messages.use(async () => {
        const { message, blocks, notHere } = await nextMessage(options, ledger)
        read.resolve()
        await before
        counts.notHere += notHere
        if (!message || ledger.isGone) return
        await options.send(peer, message)
        counts.blocksSent += blocks.length
        for (const { bytes } of blocks) counts.bytesSent += bytes.byteLength
      })
      sent.catch(read.reject)
      await read.promise
      await before
    }
    await sent
  }

  const begin = (peer: string, ledger: Ledger): void => {
    if (ledger.isServed || ledger.wants.size === 0) return
    ledger.isServed = true
    serve(peer, ledger)
      .then(() => {
        ledger.isServed = false
        // What came between its last look and now.
        begin(peer, ledger)
      })
      .catch((error: unknown) => {
        if (ledgers.get(peer) === ledger) ledgers.delete(peer)
        if (!ledger.isGone) options.onFailed(peer, error)
      })
  }

  return {
    receive(peer, wants, isFull) {
      let ledger = ledgers.get(peer)
      if (!ledger) {
        ledger = { wants: new Map(), isServed: false, isGone: false }
        ledgers.set(peer, ledger)
      }
      if (isFull) ledger.wants.clear()
      for (const want of wants) note(ledger.wants, want)
      begin(peer, ledger)
    },
    forget(peer) {
      const ledger = ledgers.get(peer)
      if (!ledger) return
      ledger.isGone = true
      ledger.wants.clear()
      ledgers.delete(peer)
    },
    stats() {
      let wants = 0
      for (const ledger of ledgers.values()) wants += ledger.wants.size
      return { peers: ledgers.size, wants, ...counts }
    },
  }
}

/** By CID, not by multihash: the answer has to name the codec that was asked for. */
const keyOf = (cid: CID) => Buffer.from(cid.bytes.buffer, cid.bytes.byteOffset, cid.bytes.byteLength).toString('latin1')

function note(wants: Map<string, Want>, { cid, wantsBlock, cancel, sendDontHave }: WantEntry): void {
  const key = keyOf(cid)
  const known = wants.get(key)
  if (cancel) wants.delete(key)
  else if (known) {
    known.wantsBlock ||= wantsBlock
    known.sendDontHave ||= sendDontHave
  } else if (wants.size < maxWantsPerPeer && !isIdentity(cid)) wants.set(key, { cid, wantsBlock, sendDontHave })
}

/** Takes the next wants off the ledger, up to a message's worth. */
async function nextMessage(options: ServeOptions, { wants }: Ledger) {
  await findPlaces(options.blocks, wants)
  const presences: Presence[] = []
  const wanted = new Map<CID, readonly Located[]>()
  let totalBytes = 0
  let notHere = 0
  for (const [key, want] of [...wants].slice(0, maxLookup)) {
    const { cid, wantsBlock, sendDontHave, places } = want
    if (places === undefined) continue
    const [place] = places
    if (!place) {
      notHere++
      if (sendDontHave) presences.push({ cid, has: false })
    } else if (!wantsBlock) presences.push({ cid, has: true })
    else {
      if (wanted.size > 0 && totalBytes + place.length > maxMessageBytes) continue
      totalBytes += place.length
      wanted.set(cid, places)
    }
    wants.delete(key)
  }
  const { blocks, unreadable } = await readBlocks(options, wanted)
  for (const cid of unreadable) presences.push({ cid, has: false })
  const message = blocks.length + presences.length > 0 ? encodeMessage({ blocks, presences }) : undefined
  return { message, blocks, notHere }
}

async function findPlaces(blocks: ServeOptions['blocks'], wants: Map<string, Want>): Promise<void> {
  const unknown: Want[] = []
  for (const want of wants.values()) {
    if (want.places === undefined && unknown.push(want) === maxLookup) break
  }
  if (unknown.length === 0) return
  const found = await blocks.locate(unknown.map(({ cid }) => cid))
  for (const want of unknown) want.places = found.get(want.cid)
}

/** The blocks that can be read; one that is damaged or was just deleted does not hold up the others. */
async function readBlocks({ blocks, onUnreadable }: ServeOptions, wanted: Map<CID, readonly Located[]>) {
  const read: Block[] = []
  const unreadable: CID[] = []
  const places = { get: (cid: CID) => wanted.get(cid) ?? [] }
  const left = [...wanted.keys()]
  while (left.length > 0) {
    try {
      for await (const block of blocks.getLocated(left, places)) {
        read.push(block)
        left.shift()
      }
    } catch (error) {
      // What came before it was read; it goes on after it.
      const cid = left.shift() as CID
      onUnreadable(cid, error)
      unreadable.push(cid)
    }
  }
  return { blocks: read, unreadable }
}
