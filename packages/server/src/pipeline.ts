/**
 * The whole flow on one screen: which fact starts which job. A part records a fact inside the transaction that makes it true, and
 * with it the jobs named here; so a fact and the work it causes are both there or neither is.
 *
 *   upload received ── verified, fsynced, indexed, acknowledged (uploads, blobs, blocks: in the request itself)
 *        │
 *        ├─ shard:indexed    its root is not known to be complete ──► complete-dag   walks the DAG from the root
 *        │                                                                │
 *        │                                                                └─ root:complete   (or at once, when the upload brought all of it) ──► follow-roots
 *        │                                                                     ├─ announce-roots (in the peer's process)
 *        │                                                                     └─ pin-contents   hands it to every other backend
 *        │                                                                          ├─ track-pins   until the backend says that it is pinned
 *        │                                                                          └─ retry-pins   what failed, later and later, then given up
 *        └─ upload:deleted   nothing to do at once; the collector comes by the clock
 *
 *   root:complete ──► plan-aggregates   takes what has settled into an aggregate that collects; closes what is full or has waited
 *        └─ aggregate:closed ──► build-aggregate   reads and checks every block, writes the recipe, computes the piece
 *             └─ piece:computed ──► validate-aggregate   reads it back as a stranger would
 *                  └─ aggregate:built   storage providers may have it
 *
 *   deal:reserved   a provider asked for a piece ──► propose-deal   signs the proposal
 *        └─ deal:proposed ──► deliver-deal   or the provider comes for it ── deal:delivered ── the chain has it ── deal:published ── it is in a sector ── deal:active
 *        deal:active ──► check-retrievals   asks for some of it, as a stranger would
 *   deal:expired, deal:terminated, deal:failed   how it ends ──► settle-deals   the piece is offered again, or renewed
 *
 *   sign-in-link:requested, invitation:made  a mail is to be sent ──► send-sign-in-link, send-invitation
 *   account:deleted   its uploads and pins are nobody's ──► delete-uploads, delete-pin-requests
 *
 *   pin:requested   a CID is to be fetched ──► fetch-requests (in the peer's process) ──► shards ──► root:complete
 */
export const pipeline = {
  'shard:indexed': ['complete-dag'],
  // One sweep, because it is recorded for every upload: transactions that ask for several could wait for each other in a circle.
  'root:complete': [{ sweep: 'follow-roots', withinMs: 500 }],
  'roots:followed': [{ sweep: 'announce-roots' }, { sweep: 'pin-contents' }, { sweep: 'plan-aggregates' }],
  'aggregate:closed': ['build-aggregate'],
  'piece:computed': ['validate-aggregate'],
  'aggregate:built': [],
  'deal:reserved': ['propose-deal'],
  'deal:proposed': ['deliver-deal'],
  'deal:delivered': [],
  'deal:published': [],
  // Whether it is given back is known soon, not when its turn comes. Many become active together.
  'deal:active': [{ sweep: 'check-retrievals', withinMs: 5_000 }],
  'retrieval:verified': [],
  'retrieval:failed': [],
  // What becomes of the piece now: when its provider may have it again, and whether another deal stands in for it.
  'deal:expired': [{ sweep: 'settle-deals' }],
  'deal:terminated': [{ sweep: 'settle-deals' }],
  'deal:failed': [{ sweep: 'settle-deals' }],
  'sign-in-link:requested': ['send-sign-in-link'],
  'invitation:made': ['send-invitation'],
  'account:deleted': ['delete-uploads', 'delete-pin-requests'],
  'pin:requested': [{ sweep: 'fetch-requests' }],
} as const satisfies Record<string, readonly (string | Sweep)[]>

/**
 * A job without payload that does everything of its kind that is due, and finds in the rows what that is. However many facts ask for it
 * while it waits, it runs once; it never runs beside itself. For what happens a thousand times a second.
 */
export interface Sweep {
  sweep: string
  /** It may wait so long, so that it runs once for all that happens meanwhile; at once where absent. */
  withinMs?: number
}

/** What a fact is about; also the payload of its jobs, and what makes a job unique: the same fact twice is one job. */
export interface FactPayloads {
  'shard:indexed': { contentId: number }
  'root:complete': { contentId: number }
  'roots:followed': Record<string, never>
  'aggregate:closed': { aggregateId: number }
  'piece:computed': { aggregateId: number }
  'aggregate:built': { aggregateId: number }
  'deal:reserved': { dealId: number }
  'deal:proposed': { dealId: number }
  'deal:delivered': { dealId: number }
  'deal:published': { dealId: number }
  'deal:active': { dealId: number }
  'deal:expired': { dealId: number }
  'deal:terminated': { dealId: number }
  'deal:failed': { dealId: number }
  'retrieval:verified': { contentId: number }
  'retrieval:failed': { contentId: number }
  'sign-in-link:requested': { linkId: string }
  'invitation:made': { invitationId: number }
  'account:deleted': { userId: number }
  'pin:requested': { requestId: string }
}

/** Work by the clock, in UTC (crontab syntax of graphile-worker). */
export const clock = [
  { at: '*/5 * * * *', job: 'plan-aggregates' },
  { at: '17 * * * *', job: 'collect-garbage' },
  { at: '37 * * * *', job: 'forget-sign-ins' },
  { at: '* * * * *', job: 'settle-pin-requests' },
  { at: '51 * * * *', job: 'forget-pin-requests' },
  { at: '43 3 * * *', job: 'compact-tallies' },
  { at: '* * * * *', job: 'follow-roots' },
  { at: '* * * * *', job: 'track-pins' },
  { at: '* * * * *', job: 'retry-pins' },
  { at: '*/5 * * * *', job: 'unpin-contents' },
  { at: '23 * * * *', job: 'audit-pins' },
  { at: '*/5 * * * *', job: 'measure-dags' },
  { at: '29 4 * * 0', job: 'sweep-blobs' },
  { at: '* * * * *', job: 'check-retrievals' },
  { at: '11 * * * *', job: 'forget-portal-requests' },
  { at: '* * * * *', job: 'settle-deals' },
  { at: '*/10 * * * *', job: 'sample-proving' },
] as const

/** Jobs that need the IPFS network: the peer's process runs them, and no other. */
export const networkJobs = ['fetch-requests', 'announce-roots'] as const satisfies readonly JobName[]
export type NetworkJobName = (typeof networkJobs)[number]

export type FactName = keyof typeof pipeline
type NameOf<J> = J extends Sweep ? J['sweep'] : J
type PipelineJob = NameOf<(typeof pipeline)[FactName][number]>
type ClockJob = (typeof clock)[number]['job']
/** What the clock starts is a sweep too. */
export type SweepName = Extract<(typeof pipeline)[FactName][number], Sweep>['sweep'] | ClockJob
export type JobName = PipelineJob | ClockJob
