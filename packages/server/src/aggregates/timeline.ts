import type { TimelineStep } from '@keepsake/api/timeline.ts'
import { pieceCidV1, pieceCidV2 } from '@keepsake/content/piece/piece-cid.ts'
import { sql } from 'kysely'
import { CID } from 'multiformats/cid'
import type { Db } from '../database/database.ts'
import type { AggregateState } from '../database/schema.ts'
import type { TimelineSource } from '../uploads/timeline.ts'
import type { AggregatedPart } from './aggregated-parts.ts'
import { listAggregated } from './aggregated-parts.ts'
import type { PackingRules } from './rules.ts'

interface Components {
  database: Db
  /** Undefined where nothing is packed. */
  rules: PackingRules | undefined
}

interface Standing {
  packing: 'waiting' | 'taken' | 'aside'
  obstacle: string | null
  retryAt: Date | null
  since: Date | null
  /** Of the part that is furthest behind. */
  state: AggregateState | null
  reason: string | null
  aggregateRetryAt: Date | null
  oldestAt: Date | null
  isAllBuilt: boolean
}

/** The step in which a content becomes part of a piece. Before it is complete there is nothing to say. */
export function aggregateTimeline({ database, rules }: Components): TimelineSource {
  return async ({ contentId, completeAt, origin, cid }) => {
    if (completeAt === null) return []
    const standing = await findStanding(database, contentId)
    if (!standing) return []
    if (standing.isAllBuilt) {
      const parts = await listAggregated(database, [contentId])
      return parts.length > 0 ? [packed(parts, origin, cid.toString())] : []
    }
    if (!rules && standing.state === null) return []
    return [waiting(standing, completeAt, rules)]
  }
}

async function findStanding({ kysely }: Db, contentId: number): Promise<Standing | undefined> {
  const { rows } = await sql<Standing>`
    select c.packing, o.reason as obstacle, o.retry_at as "retryAt", o.since, e.state, e.reason, e.retry_at as "aggregateRetryAt",
      e.oldest_at as "oldestAt", coalesce(e.state = 'built', false) as "isAllBuilt"
    from content c left join aggregate_obstacle o on o.content_id = c.id and c.packing = 'aside'
    left join lateral (
      select a.state, a.reason, a.retry_at, a.oldest_at from aggregate_entry e join aggregate a on a.id = e.aggregate_id where e.content_id = c.id
      order by a.state = 'built', array_position(array['failed', 'collecting', 'building', 'validating'], a.state) limit 1
    ) e on true
    where c.id = ${contentId}`.execute(kysely)
  return rows[0]
}

const step = { step: 'aggregated', title: 'Part of a piece for Filecoin' }

function packed(parts: readonly AggregatedPart[], origin: string, cid: string): TimelineStep {
  const last = parts.at(-1)!
  const pieces = parts.length === 1 ? 'a piece' : `${parts.length} pieces, since it is larger than one`
  return {
    ...step,
    state: 'done',
    text: `It lies in ${pieces} that storage providers can take. The bytes they get were read back, and it was found in them.`,
    at: last.aggregate.builtAt.toISOString(),
    evidence: parts.slice(0, 5).flatMap(evidenceOf),
    ...(parts.length > 5 && { evidenceOmitted: parts.length - 5 }),
    checks: [
      {
        tells: 'Fetches the proof, and computes the way from its bytes to the piece CID without believing this server.',
        command: `npx keepsake verify ${cid} --endpoint ${origin}`,
      },
      { tells: 'The proof, to read.', href: `${origin}/api/proof/${cid}` },
      { tells: 'The piece and the way to it inside, for anybody.', command: `curl ${origin}/api/check/${cid}` },
    ],
  }
}

function evidenceOf({ aggregate, links }: AggregatedPart): TimelineStep['evidence'] {
  const { pieceRoot: root, pieceHeight: height, sizeBytes, root: directory } = aggregate
  return [
    { label: 'Piece CID', value: pieceCidV1({ root }).toString(), kind: 'id' },
    { label: 'Piece CID, version 2', value: pieceCidV2({ root, height, payloadBytes: sizeBytes }).toString(), kind: 'id' },
    ...(directory ? [{ label: 'Directory of the piece', value: CID.decode(directory).toString(), kind: 'id' as const }] : []),
    ...(links
      ? [{ label: 'Selector', value: links.map((index) => `Links/${index}/Hash`).join('/'), kind: 'text' as const }]
      : []),
    { label: 'Size of the piece', value: String(sizeBytes), kind: 'bytes' },
  ]
}

function waiting(standing: Standing, completeAt: Date, rules: PackingRules | undefined): TimelineStep {
  const waits = { ...step, state: 'waiting' as const, since: completeAt.toISOString(), evidence: [], checks: [] }
  const soonest = (ms: number) => new Date(completeAt.getTime() + ms).toISOString()
  if (standing.obstacle !== null) {
    const at = {
      ...(standing.since && { at: standing.since.toISOString() }),
      ...(standing.retryAt && { nextAt: standing.retryAt.toISOString() }),
    }
    return { ...step, state: 'failed', text: standing.obstacle, ...at, evidence: [], checks: [] }
  }
  switch (standing.state) {
    case 'failed':
      return {
        ...waits,
        state: 'failed',
        text: `The piece it is in could not be built: ${standing.reason}`,
        ...(standing.aggregateRetryAt && { nextAt: standing.aggregateRetryAt.toISOString() }),
      }
    case 'collecting': {
      const forced = standing.oldestAt && rules && new Date(standing.oldestAt.getTime() + rules.forceMs).toISOString()
      return {
        ...waits,
        text: 'It has its place. The piece is built when it is full, or has waited long enough.',
        ...(forced && { nextAt: forced }),
      }
    }
    case 'building':
      return { ...waits, text: 'The piece is being built: every block is read and checked.' }
    case 'validating':
      return { ...waits, text: 'The piece has been built, and is being read back to see that everything is found in it.' }
    default:
      return {
        ...waits,
        text: 'It is left alone for a while first, in case it is deleted.',
        ...(rules && { nextAt: soonest(rules.settleMs) }),
      }
  }
}
