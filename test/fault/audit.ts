import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Api, listAll, type NftAnswer, send } from './exchange.ts'
import { contentOf, describe, type Entry, type Ledger, partsOf } from './ledger.ts'
import { sendPart } from './load.ts'
import { readBack, readBlock } from './read-back.ts'
import type { Dag } from './samples.ts'
import type { Random } from './seeded.ts'

/** A job needs milliseconds; one that a killed worker was doing is given to another within half a minute. */
const pinTimeoutMs = 45_000
const readers = 8

/** Compares what the server lists with the ledger, settles what was unsure, and gives what does not fit. */
export async function auditList(api: Api, ledger: Ledger): Promise<string[]> {
  const losses: string[] = []
  const { uploads, count } = await listAll(api)
  if (count !== uploads.length) losses.push(`the Count header says ${count}, the pages hold ${uploads.length}`)
  const listed = new Map<Entry, NftAnswer>()
  for (const upload of uploads) {
    const entry = ledger.find(upload.name)
    if (!entry) losses.push(`listed and never sent: ${JSON.stringify(upload)}`)
    else if (listed.has(entry)) losses.push(`listed twice: ${describe(entry)}`)
    else listed.set(entry, upload)
  }
  for (const entry of ledger.entries) losses.push(...settle(entry, listed.get(entry), ledger.kills))
  return losses
}

/** From now on nothing is unsure: what is listed is kept, what is not is gone for good. */
function settle(entry: Entry, listed: NftAnswer | undefined, kills: number): string[] {
  if (!listed) {
    if (entry.standing === 'kept') return [`acknowledged and not listed: ${describe(entry)}`]
    if (entry.standing === 'unsure') entry.standing = 'absent'
    if (entry.standing === 'unsure-deleted') entry.standing = 'deleted'
    return []
  }
  if (entry.standing === 'deleted' || entry.standing === 'absent') return [`listed, though it is ${describe(entry)}`]
  const losses: string[] = []
  if (!entry.names.includes(listed.name)) losses.push(`has the name ${listed.name}: ${describe(entry)}`)
  if (entry.cid !== undefined && entry.cid !== listed.cid) losses.push(`has the CID ${listed.cid}: ${describe(entry)}`)
  if (entry.kind !== 'chunked' && listed.pin.status !== 'pinned') losses.push(`is ${listed.pin.status}: ${describe(entry)}`)
  if (entry.standing !== 'kept') entry.changedAt = kills
  entry.standing = 'kept'
  entry.names = [listed.name]
  entry.cid = listed.cid
  if (entry.chunks) losses.push(...settleParts(entry, entry.chunks, listed))
  return losses
}

function settleParts(entry: Entry, chunks: NonNullable<Entry['chunks']>, listed: NftAnswer): string[] {
  const losses: string[] = []
  const has = (index: number) => listed.parts.includes(chunks.names[index]!)
  for (const index of chunks.acknowledged) if (!has(index)) losses.push(`has lost part ${index}: ${describe(entry)}`)
  for (const part of listed.parts) {
    const index = chunks.names.indexOf(part)
    if (!chunks.sent.has(index)) losses.push(`has part ${part}, which was never sent: ${describe(entry)}`)
    else chunks.acknowledged.add(index)
  }
  const isWhole = chunks.acknowledged.size === chunks.names.length
  if (!isWhole && listed.pin.status !== 'pinning')
    losses.push(
      `is ${listed.pin.status} with only ${chunks.acknowledged.size} of ${chunks.names.length} parts: ${describe(entry)}`,
    )
  if (chunks.complete && listed.pin.status !== 'pinned')
    losses.push(`was complete and is ${listed.pin.status}: ${describe(entry)}`)
  return losses
}

/** Reads entries back, several at once, and gives those that are not as they were sent. */
export async function auditBytes({ url }: Api, entries: readonly Entry[]): Promise<string[]> {
  const losses: string[] = []
  const queue = [...entries]
  const read = async () => {
    for (let entry = queue.pop(); entry; entry = queue.pop()) {
      if (entry.standing !== 'kept' || !entry.cid) continue
      try {
        const sample = contentOf(entry)
        if (sample.kind === 'chunked' && !entry.chunks?.complete) await readParts(url, entry, sample.dag)
        else await readBack(url, entry.cid, sample)
      } catch (error) {
        losses.push(`${(error as Error).message}: ${describe(entry)}`)
      }
    }
  }
  await Promise.all(Array.from({ length: readers }, read))
  return losses
}

/** The blocks of the parts that did come, one by one: the DAG as a whole is not there yet. */
async function readParts(url: string, entry: Entry, { root, branches }: Dag): Promise<void> {
  for (const index of entry.chunks?.acknowledged ?? []) {
    for (const block of [root, ...branches[index]!]) await readBlock(url, block)
  }
}

/** Sends what is missing of unfinished chunked uploads; some are left for after the next kill. */
export async function finishChunks(api: Api, ledger: Ledger, random: Random, probability: number): Promise<string[]> {
  const open = ledger.entries.filter(({ standing, chunks }) => standing === 'kept' && chunks && !chunks.complete)
  const losses = await Promise.all(
    open.map(async (entry) => {
      const missing = partsOf(entry).flatMap((_, index) => (entry.chunks?.acknowledged.has(index) ? [] : [index]))
      if (missing.length > 0 && !random.chance(probability)) return []
      for (const index of random.shuffled(missing)) {
        const outcome = await sendPart(api, entry, index)
        if (outcome.kind !== 'acknowledged') return [`part ${index} was refused (${outcome.text}): ${describe(entry)}`]
      }
      return await expectPinned(api, entry, missing.length)
    }),
  )
  return losses.flat()
}

async function expectPinned(api: Api, entry: Entry, resent: number): Promise<string[]> {
  for (const end = Date.now() + pinTimeoutMs; ; await sleep(25)) {
    const outcome = await send(api, 'GET', `/${entry.cid}`)
    if (outcome.kind === 'acknowledged' && outcome.value.pin.status === 'pinned') break
    if (Date.now() > end)
      return [`not pinned ${pinTimeoutMs} ms after all parts are there, ${resent} of them resent: ${describe(entry)}`]
  }
  entry.chunks!.complete = true
  return await auditBytes(api, [entry])
}

/** Scratch files below the store: none but the folder of the living server, and nothing in it while nobody uploads. */
export async function auditStaging(dataDir: string): Promise<string[]> {
  const directory = join(dataDir, 'blobs/.staging')
  for (const end = Date.now() + 5000; ; await sleep(50)) {
    const folders = await readdir(directory)
    const files = (await Promise.all(folders.map((folder) => readdir(join(directory, folder)).catch(() => [])))).flat()
    if (folders.length === 1 && files.length === 0) return []
    if (Date.now() > end)
      return [`scratch space holds ${folders.length} folders (${folders.join(', ')}) and ${files.length} files`]
  }
}
