import type { Nft } from '@keepsake/api/nft.ts'
import type { Block } from '@keepsake/content/block.ts'
import { encodeCarHeader, encodeSectionPrefix } from '@keepsake/content/car/encode.ts'
import type { PackedEntry } from '@keepsake/content/unixfs/file.ts'
import type { CID } from 'multiformats/cid'
import type { Connection } from './connection.ts'
import { ClientError } from './errors.ts'
import { uploadCar } from './uploads.ts'

/** Packs the same content again each time it is called: blocks, children first, and what they make. */
export type OpenPacking = () => AsyncGenerator<Block, PackedEntry, undefined>

/** What a first pass over the content found out: its CID, and how it will be cut into CARs. */
export interface DagSurvey {
  cid: CID
  dagBytes: number
  /** The block of the root, which goes into every part. */
  root: Block
  parts: readonly Part[]
  /** Bytes of all parts together. */
  carBytes: number
}

interface Part {
  /** Blocks of the stream that are in this part; in all but the last the root is there in addition. */
  blocks: number
  sizeBytes: number
}

/** A part that breaks off is sent again, so it is not everything; each becomes a shard, so it is not little either. */
export const defaultPartBytes = 1024 ** 3

interface SurveyOptions {
  maxPartBytes?: number | undefined
  signal?: AbortSignal | undefined
}

/** Packs once without keeping anything: memory holds only the hashes of the blocks, to send each of them once. */
export async function surveyDag(
  open: OpenPacking,
  { maxPartBytes = defaultPartBytes, signal }: SurveyOptions = {},
): Promise<DagSurvey> {
  const packing = uniqueBlocks(open())
  const parts: Part[] = []
  let part: Part = { blocks: 0, sizeBytes: 0 }
  let last: Block | undefined
  try {
    for (;;) {
      signal?.throwIfAborted()
      const next = await packing.next()
      if (next.done) {
        if (last === undefined || !last.cid.equals(next.value.cid)) throw new Error('The last block of a packing is its root.')
        parts.push(part)
        return surveyed(last, next.value, parts)
      }
      last = next.value
      const sectionBytes = sizeOfSection(last)
      if (part.blocks > 0 && part.sizeBytes + sectionBytes > maxPartBytes) {
        parts.push(part)
        part = { blocks: 0, sizeBytes: 0 }
      }
      part.blocks++
      part.sizeBytes += sectionBytes
    }
  } finally {
    await packing.return(undefined as never)
  }
}

function surveyed(root: Block, { cid, dagBytes }: PackedEntry, parts: Part[]): DagSurvey {
  const headerBytes = encodeCarHeader([cid]).length
  const rootBytes = sizeOfSection(root)
  for (const [index, part] of parts.entries()) part.sizeBytes += headerBytes + (index < parts.length - 1 ? rootBytes : 0)
  const carBytes = parts.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  return { cid, dagBytes, root: { cid, bytes: root.bytes.slice() }, parts, carBytes }
}

function sizeOfSection({ cid, bytes }: Block): number {
  return encodeSectionPrefix(cid, bytes.length).length + bytes.length
}

async function* uniqueBlocks(packing: AsyncGenerator<Block, PackedEntry>): AsyncGenerator<Block, PackedEntry, undefined> {
  const known = new Set<string>()
  try {
    for (;;) {
      const next = await packing.next()
      if (next.done) return next.value
      const name = String.fromCharCode(...next.value.cid.multihash.bytes)
      if (known.has(name)) continue
      known.add(name)
      yield next.value
    }
  } finally {
    await packing.return(undefined as never)
  }
}

interface SendOptions {
  name?: string | undefined
  signal?: AbortSignal | undefined
  /** Told how many bytes of all parts have gone out. It goes back when a part has to be sent again. */
  onProgress?: ((sentBytes: number) => void) | undefined
}

/**
 * Packs again and sends while packing, a CAR at a time. A part that fails is packed and sent again from its start; a content that
 * is not what the survey saw is never completed.
 *
 * @throws ClientError `CHANGED`, `REFUSED`, `UNREACHABLE`; `UNEXPECTED_ANSWER` when the server names another CID
 */
export async function sendDag(
  connection: Connection,
  survey: DagSurvey,
  open: OpenPacking,
  options: SendOptions = {},
): Promise<Nft> {
  const { name, signal, onProgress } = options
  await using source = blocksFrom(open)
  let answer: Nft | undefined
  let before = 0
  for (const [index, part] of survey.parts.entries()) {
    const sentBefore = before
    answer = await uploadCar(
      connection,
      {
        sizeBytes: part.sizeBytes,
        name,
        open: () =>
          counted(partBytes(survey, index, source.at(partStart(survey, index))), (sent) => onProgress?.(sentBefore + sent)),
      },
      { signal },
    )
    before += part.sizeBytes
    refuseOtherCid(survey.cid, answer)
  }
  return answer as Nft
}

export function refuseOtherCid(cid: CID, answer: Nft): void {
  if (answer.cid === cid.toString()) return
  throw new ClientError('UNEXPECTED_ANSWER', `The server answered ${answer.cid} for what is ${cid}; do not rely on it.`)
}

function partStart({ parts }: DagSurvey, index: number): number {
  return parts.slice(0, index).reduce((sum, { blocks }) => sum + blocks, 0)
}

/** The blocks of a packing from any place on: going on where one is costs nothing, going back packs from the start again. */
function blocksFrom(open: OpenPacking) {
  let packing: AsyncGenerator<Block, PackedEntry> | undefined
  let position = 0
  const close = async () => {
    await packing?.return(undefined as never)
    packing = undefined
  }
  return {
    async *at(start: number): AsyncGenerator<Block, void> {
      if (packing === undefined || position !== start) {
        await close()
        packing = uniqueBlocks(open())
        for (position = 0; position < start; position++) await packing.next()
      }
      const current = packing
      for (;;) {
        const next = await current.next()
        if (next.done) return
        position++
        yield next.value
      }
    },
    [Symbol.asyncDispose]: close,
  }
}

async function* partBytes(survey: DagSurvey, index: number, blocks: AsyncGenerator<Block, void>): AsyncGenerator<Uint8Array> {
  const part = survey.parts[index]!
  const isLast = index === survey.parts.length - 1
  yield encodeCarHeader([survey.cid])
  if (!isLast) yield* section(survey.root)
  for (let sent = 1; sent <= part.blocks; sent++) {
    const next = await blocks.next()
    // Before the last byte is out, so that the server throws away what it has.
    const isRoot = isLast && sent === part.blocks
    if (next.done || (isRoot && !next.value.cid.equals(survey.cid))) {
      throw new ClientError('CHANGED', 'What is being stored changed while it was read; try again when nothing writes to it.')
    }
    yield* section(next.value)
  }
}

function* section({ cid, bytes }: Block): Generator<Uint8Array> {
  yield encodeSectionPrefix(cid, bytes.length)
  yield bytes
}

const gatherBytes = 64 * 1024

/** Gathers small pieces, because each costs a system call, and counts what goes out. Large ones pass uncopied. */
async function* counted(source: AsyncIterable<Uint8Array>, onSent: (sentBytes: number) => void): AsyncGenerator<Uint8Array> {
  let sent = 0
  let buffer = new Uint8Array(gatherBytes)
  let filled = 0
  const flush = () => {
    const chunk = buffer.subarray(0, filled)
    buffer = new Uint8Array(gatherBytes)
    filled = 0
    return chunk
  }
  for await (const piece of source) {
    if (filled > 0 && filled + piece.length > gatherBytes) yield flush()
    if (piece.length > gatherBytes / 2) {
      if (filled > 0) yield flush()
      yield piece
    } else {
      buffer.set(piece, filled)
      filled += piece.length
    }
    sent += piece.length
    onSent(sent)
  }
  if (filled > 0) yield flush()
}
