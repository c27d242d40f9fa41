import type { Evidence, TimelineStep, Verification } from '@keepsake/api/timeline.ts'
import { CID } from 'multiformats/cid'
import type { Db } from '../database/database.ts'
import { KeepsakeError } from '../errors.ts'
import { storedSpelling } from './cid-spelling.ts'
import type { UploadRow } from './store.ts'
import { findUpload } from './store.ts'

/** What a timeline is about: one user's upload and the content it is a claim on. */
export interface TimelineSubject {
  userId: number
  contentId: number
  /** As it was asked for. */
  cid: CID
  receivedAt: Date
  /** When every block was found to be here; null until then. */
  completeAt: Date | null
  /** Address of this server as whoever asks reaches it, without a slash at the end: for commands. */
  origin: string
}

/**
 * What one part knows of a content: its steps, in the order in which they become true, and none where it has nothing to say yet and nothing is
 * waited for. It reads state that is cheap to find, for it runs whenever anything became of a content that somebody watches.
 */
export type TimelineSource = (subject: TimelineSubject) => Promise<TimelineStep[]>

interface Components {
  database: Db
}

/** @throws KeepsakeError `ERROR_INVALID_CID`, `NOT_FOUND` */
export async function getTimelineSubject(
  { database }: Components,
  { userId, cid, origin }: { userId: number; cid: string; origin: string },
): Promise<TimelineSubject> {
  const spelling = storedSpelling(cid)
  const row = await findUpload(database, userId, spelling)
  if (!row) throw new KeepsakeError('NOT_FOUND', 'NFT not found')
  const { contentId, createdAt: receivedAt, completeAt } = row
  return { userId, contentId, cid: CID.parse(spelling), receivedAt, completeAt, origin }
}

const clockSkewMs = 10_000
/** Evidence shown of one kind; what comes in a thousand parts needs no list of them. */
const maxEvidence = 20

/** The steps until every block is here. */
export function uploadTimeline({ database }: Components): TimelineSource {
  return async ({ userId, cid, origin }) => {
    const row = await findUpload(database, userId, cid.toString())
    return row ? [received(row), verified(row), completed(row, origin)] : []
  }
}

function parts(row: UploadRow): Pick<TimelineStep, 'evidence' | 'evidenceOmitted'> {
  const shown = row.parts.slice(0, maxEvidence)
  return {
    evidence: shown.map((value) => ({ label: 'CAR', value, kind: 'id' as const })),
    ...(row.parts.length > maxEvidence && { evidenceOmitted: row.parts.length - maxEvidence }),
  }
}

function received(row: UploadRow): TimelineStep {
  const from = row.scope === 'session' ? 'From a browser that was signed in' : `With the key “${row.scope}”`
  const inParts = row.parts.length > 1 ? `, in ${row.parts.length.toLocaleString('en')} parts` : ''
  return {
    step: 'received',
    state: 'done',
    title: 'Received',
    text: `${from}${inParts}.`,
    at: row.createdAt.toISOString(),
    evidence: [],
    checks: [],
  }
}

function verified(row: UploadRow): TimelineStep {
  return {
    step: 'verified',
    state: 'done',
    title: 'Verified and indexed',
    text: 'The hash of every block was computed here and is the one in its CID. The blocks lie in the CARs named here, and the index says where.',
    at: row.createdAt.toISOString(),
    ...parts(row),
    checks: [],
  }
}

function completed(row: UploadRow, origin: string): TimelineStep {
  if (row.completeAt === null) return incomplete(row)
  // The two moments come from two clocks.
  const isOlder = row.createdAt.getTime() - row.completeAt.getTime() > clockSkewMs
  return {
    step: 'complete',
    state: 'done',
    title: 'Complete',
    text: `Every block below the CID is here, and served to whoever asks for it${isOlder ? '; it was stored here before this upload' : ''}.`,
    at: row.completeAt.toISOString(),
    evidence: row.dagBytes === null ? [] : [{ label: 'All blocks together', value: String(row.dagBytes), kind: 'bytes' }],
    checks: fetching(row, origin),
  }
}

function fetching({ type, sourceCid: cid }: UploadRow, origin: string): Verification[] {
  const own = {
    tells: 'Fetches it and computes the hash of every block; a wrong byte ends it with an error.',
    command: `npx keepsake get ${cid}${type === 'Nft' ? '/metadata.json' : ''} --endpoint ${origin}`,
  }
  // The root of a token is dag-cbor, which ipfs-car does not unpack.
  if (type === 'Nft') return [own]
  const other = {
    tells:
      'Fetches it as a CAR, in which every block stands with its CID, and lets a program that is not ours verify and unpack it.',
    command: `curl --location '${origin}/ipfs/${cid}?format=car' --output content.car\nnpx ipfs-car unpack content.car --root ${cid} --output content`,
  }
  return [own, other]
}

function incomplete({ createdAt, missingBlocks, missingCids, obstacle }: UploadRow): TimelineStep {
  const evidence: Evidence[] = missingCids.map((bytes) => ({ label: 'Missing', value: CID.decode(bytes).toString(), kind: 'id' }))
  return {
    step: 'complete',
    state: 'waiting',
    title: missingBlocks > 0 ? 'Waiting for the rest' : 'Waiting to be complete',
    text: obstacle ?? waitingText(missingBlocks),
    since: createdAt.toISOString(),
    evidence,
    ...(missingBlocks > evidence.length && { evidenceOmitted: missingBlocks - evidence.length }),
    checks: [],
  }
}

function waitingText(missingBlocks: number): string {
  if (missingBlocks === 0) return 'Its blocks are being followed from the root. That takes seconds as a rule.'
  const what = missingBlocks === 1 ? 'One block is' : `${missingBlocks.toLocaleString('en')} blocks are`
  return `${what} known to be missing; each may lead to more. Send them in another CAR with the same root: what is here stays.`
}
