import { ContentError } from '../../errors.ts'
import { isCanonicalCid } from '../../hash/cid.ts'
import { MAX_ENTRIES } from '../entry-limit.ts'
import { cidV0Of, type DagEntry, foldersOf } from './entries.ts'

/** First name in the root of an aggregate: `@` sorts before all CIDs. */
export const MANIFEST_NAME = '@AggregateManifest.ndjson'

/** Lines are written in pieces of about so many characters. */
const PIECE_CHARACTERS = 64 * 1024

/** Longest line we read: an entry with identity CIDs of the longest kind has some 700. */
const MAX_LINE_BYTES = 4096

const VERSION = 1
const SORTED_BY = 'DagCidV1'
const DESCRIPTION = 'Aggregate of non-related DAGs, produced by github.com/filecoin-project/go-dagaggregator-unixfs'
const encoder = new TextEncoder()

/**
 * The manifest of sorted entries as it is written, in pieces. Keys, their order and the description decide the CID of the aggregate, so none of
 * them may ever change.
 */
export async function* encodeManifest(entries: readonly DagEntry[]): AsyncGenerator<Uint8Array> {
  let text = line({ RecordType: 'DagAggregatePreamble', Version: VERSION })
  text += line({
    RecordType: 'DagAggregateSummary',
    EntryCount: entries.length,
    EntriesSortedBy: SORTED_BY,
    Description: DESCRIPTION,
  })
  for (const { cid, dagBytes, nodeCount, links } of entries) {
    // A key whose value is undefined is left out.
    text += line({
      RecordType: 'DagAggregateEntry',
      DagCidV1: cid,
      DagCidV0: cidV0Of(cid),
      DagSize: dagBytes,
      NodeCount: nodeCount,
      PathPrefixes: foldersOf(cid),
      PathIndexes: links,
    })
    if (text.length < PIECE_CHARACTERS) continue
    yield encoder.encode(text)
    text = ''
  }
  yield encoder.encode(text)
}

function line(record: Record<string, unknown>): string {
  return `${JSON.stringify(record)}\n`
}

/**
 * Reads a manifest that anybody may have written, entry by entry, in flat memory.
 *
 * Whether an entry is really found where it says is for `findEntry` to tell.
 *
 * @throws {ContentError} `INVALID_INPUT` naming the line for whatever is not as the format says: another version, entries out of order, twice or
 * more than announced, folders that do not belong to the CID. `LIMIT_EXCEEDED` for lines and manifests that are too long.
 */
export async function* parseManifest(source: AsyncIterable<Uint8Array>): AsyncGenerator<DagEntry> {
  let number = 0
  let announced = 0
  let before = ''
  for await (const text of linesOf(source)) {
    number++
    const record = parseLine(text, number)
    if (number === 1) checkPreamble(record)
    else if (number === 2) announced = entryCountIn(record)
    else {
      const entry = entryIn(record, number)
      if (entry.cid <= before) throw invalid(number, `${entry.cid} is out of order`)
      if (number - 2 > announced) throw invalid(number, `there are more entries than the ${announced} announced`)
      before = entry.cid
      yield entry
    }
  }
  if (number - 2 !== announced || number < 3)
    throw invalid(number, `it ends here, after ${Math.max(0, number - 2)} entries of ${announced}`)
}

async function* linesOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: false })
  let rest = ''
  for await (const chunk of source) {
    rest += decoder.decode(chunk, { stream: true })
    const lines = rest.split('\n')
    rest = lines.pop() as string
    yield* lines
    if (rest.length > MAX_LINE_BYTES) break
  }
  if (rest.length > MAX_LINE_BYTES) {
    throw new ContentError('LIMIT_EXCEEDED', `A line of the manifest is longer than ${MAX_LINE_BYTES} bytes.`)
  }
  if (rest !== '') yield rest
}

function parseLine(text: string, number: number): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw invalid(number, 'it is not JSON', { cause })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(number, 'it is not an object')
  return value as Record<string, unknown>
}

function checkPreamble({ RecordType, Version }: Record<string, unknown>): void {
  if (RecordType !== 'DagAggregatePreamble') throw invalid(1, 'it does not begin as a manifest does')
  if (Version !== VERSION) throw invalid(1, `its version is ${JSON.stringify(Version)}, only ${VERSION} can be read`)
}

function entryCountIn({ RecordType, EntryCount, EntriesSortedBy }: Record<string, unknown>): number {
  if (RecordType !== 'DagAggregateSummary') throw invalid(2, 'it is not the summary')
  if (EntriesSortedBy !== SORTED_BY) throw invalid(2, `entries are not sorted by ${SORTED_BY}`)
  if (!isCount(EntryCount)) throw invalid(2, 'it does not say how many entries there are')
  if (EntryCount > MAX_ENTRIES) {
    throw new ContentError(
      'LIMIT_EXCEEDED',
      `The manifest announces ${EntryCount} entries, more than the limit of ${MAX_ENTRIES}.`,
    )
  }
  return EntryCount
}

function entryIn(record: Record<string, unknown>, number: number): DagEntry {
  const { RecordType, DagCidV1, DagCidV0, DagSize, NodeCount, PathPrefixes, PathIndexes } = record
  if (RecordType !== 'DagAggregateEntry') throw invalid(number, 'it is not an entry')
  const cid = cidIn(DagCidV1, number)
  if (DagCidV0 !== undefined && DagCidV0 !== cidV0Of(cid)) throw invalid(number, 'DagCidV0 is another CID than DagCidV1')
  if (DagSize !== undefined && !isCount(DagSize)) throw invalid(number, 'DagSize is not a size')
  if (NodeCount !== undefined && !isCount(NodeCount)) throw invalid(number, 'NodeCount is not a count')
  const folders = foldersOf(cid)
  const namesFolders =
    Array.isArray(PathPrefixes) && PathPrefixes.length === 2 && folders.every((name, at) => name === PathPrefixes[at])
  if (!namesFolders) throw invalid(number, `PathPrefixes are not those of ${cid}`)
  if (!Array.isArray(PathIndexes) || PathIndexes.length !== 3 || !PathIndexes.every(isCount)) {
    throw invalid(number, 'PathIndexes are not three numbers')
  }
  return { cid, dagBytes: DagSize, nodeCount: NodeCount, links: PathIndexes as [number, number, number] }
}

function cidIn(text: unknown, number: number): string {
  if (isCanonicalCid(text)) return text
  throw invalid(number, 'DagCidV1 is not a CID of version 1 in base32')
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function invalid(number: number, reason: string, options?: ErrorOptions): ContentError {
  return new ContentError('INVALID_INPUT', `Line ${number} of the manifest: ${reason}.`, options)
}
