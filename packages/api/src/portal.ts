import Type from 'typebox'

// The portal for storage providers, `/sp`: the self-service API that Spade had, name for name, so that a provider's tools work here as they are.

const optional = Type.Optional
const instant = Type.String({ format: 'date-time' })
const nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()])

const DataSource = Type.Object(
  {
    source_type: Type.Literal('http'),
    url: Type.String({ description: 'Where the bytes of the piece are, whole or by ranges.' }),
  },
  { title: 'PieceDataSource' },
)

export const EligiblePiece = Type.Object(
  {
    piece_cid: Type.String({ description: 'Version 1, as deals name it.' }),
    piece_cid_v2: Type.String({ description: 'Version 2: says its size and how much of it is data.' }),
    padded_piece_size: Type.Integer(),
    data_size: Type.Integer({ description: 'Bytes to download.' }),
    format: Type.Union([Type.Literal('car'), Type.Literal('segments')]),
    replicas: Type.Integer({ description: 'Live replicas that count.' }),
    tenants: Type.Array(Type.Integer()),
    sample_request_cmd: Type.String(),
  },
  { title: 'EligiblePiece' },
)
export type EligiblePiece = Type.Static<typeof EligiblePiece>

/** What a storage provider said of itself when it asked to be registered, and what came of it. */
export const AskedRegistration = Type.Object(
  {
    state: Type.Union([Type.Literal('waiting'), Type.Literal('approved'), Type.Literal('declined')]),
    asked: instant,
    decided: optional(instant),
    because: optional(Type.String({ description: 'Why it was declined.' })),
    organisation: Type.String(),
    city: Type.String(),
    country: Type.String(),
    continent: Type.String(),
    name: optional(Type.String()),
    retrieval_url: optional(Type.String()),
  },
  { title: 'AskedRegistration' },
)
export type AskedRegistration = Type.Static<typeof AskedRegistration>

export const PendingProposal = Type.Object(
  {
    deal_proposal_id: Type.String({ description: 'The number of the deal here.' }),
    deal_proposal_cid: Type.String(),
    proposal: Type.String({ description: 'The ClientDealProposal, signed, as CBOR in base64: to be published as it is.' }),
    hours_remaining: Type.Number({ description: 'Until the start of the deal: by then it has to be in a sector.' }),
    piece_cid: Type.String(),
    piece_cid_v2: Type.String(),
    piece_size: Type.Integer({ description: 'Padded.' }),
    data_size: Type.Integer(),
    deal_start_time: instant,
    deal_start_epoch: Type.Integer(),
    deal_end_epoch: Type.Integer(),
    tenant_id: Type.Integer(),
    data_sources: Type.Array(DataSource),
    sample_download_cmd: Type.String(),
    sample_import_cmd: Type.String(),
  },
  { title: 'PendingProposal' },
)
export type PendingProposal = Type.Static<typeof PendingProposal>

const RecentFailure = Type.Object({
  timestamp: instant,
  error: Type.String(),
  deal_proposal_id: Type.String(),
  piece_cid: Type.String(),
  tenant_id: Type.Integer(),
})

export const PendingProposals = Type.Object(
  { pending_proposals: Type.Array(PendingProposal), recent_failures: Type.Array(RecentFailure) },
  { title: 'PendingProposals' },
)
export type PendingProposals = Type.Static<typeof PendingProposals>

export const ReplicationState = Type.Object(
  {
    tenant_id: Type.Integer(),
    tenant_max_in_flight_bytes: Type.Integer(),
    actual_in_flight_bytes: Type.Integer({ description: 'Of this provider: taken, and not in a sector yet.' }),
    tenant_max_total: Type.Integer(),
    tenant_max_per_org: Type.Integer(),
    tenant_max_per_city: Type.Integer(),
    tenant_max_per_country: Type.Integer(),
    tenant_max_per_continent: Type.Integer(),
    actual_total: Type.Integer(),
    actual_within_org: Type.Integer(),
    actual_within_city: Type.Integer(),
    actual_within_country: Type.Integer(),
    actual_within_continent: Type.Integer(),
    sp_holds_qualifying_deal: Type.Boolean(),
  },
  { title: 'ReplicationState' },
)
export type ReplicationState = Type.Static<typeof ReplicationState>

export const RequestedPiece = Type.Object(
  {
    tenant_replication_states: Type.Array(ReplicationState),
    deal_proposal_id: optional(Type.String({ description: 'Where it was given: the number of the deal.' })),
    piece_cid: optional(Type.String()),
    padded_piece_size: optional(Type.Integer()),
  },
  { title: 'RequestedPiece' },
)
export type RequestedPiece = Type.Static<typeof RequestedPiece>

const Count = Type.Object({ deals: Type.Integer(), padded_bytes: Type.Integer() })

export const ProviderStatus = Type.Object(
  {
    provider: Type.String(),
    network: Type.String(),
    is_devnet: Type.Boolean({ description: 'Whether the network is simulated on the machine of this server.' }),
    registered: Type.Boolean(),
    application: optional(AskedRegistration),
    name: optional(Type.String()),
    organisation: optional(Type.String()),
    city: optional(Type.String()),
    country: optional(Type.String()),
    continent: optional(Type.String()),
    state: optional(Type.Union([Type.Literal('active'), Type.Literal('suspended')])),
    suspended_because: optional(Type.String()),
    sector_size: optional(Type.Integer()),
    eligible_for_mining: optional(Type.Boolean()),
    max_in_flight_bytes: optional(Type.Integer()),
    in_flight_bytes: optional(Type.Integer()),
    retrieval: optional(
      Type.Object(
        {
          standing: Type.Union([Type.Literal('new'), Type.Literal('good'), Type.Literal('shaky'), Type.Literal('poor')]),
          checks: Type.Integer({ description: 'How many of the last checks this is made of.' }),
          verified: Type.Integer({ description: 'In how many of them everything came back and was right.' }),
          first_byte_ms: nullable(Type.Number({ description: 'Median of those.' })),
          bytes_per_second: nullable(Type.Integer()),
          last_checked: nullable(instant),
          last_failure: nullable(Type.String()),
          last_failed: nullable(instant),
        },
        { description: 'How it gives back what it stores; this server checks it.' },
      ),
    ),
    deals: optional(Type.Record(Type.String(), Count, { description: 'By state.' })),
    overdue: optional(
      Type.Array(
        Type.Object({
          deal_proposal_id: Type.String(),
          piece_cid: Type.String(),
          state: Type.String(),
          due: instant,
          reason: Type.Union([Type.String(), Type.Null()]),
        }),
        { description: 'Deals whose next step should have happened by now.' },
      ),
    ),
  },
  { title: 'ProviderStatus' },
)
export type ProviderStatus = Type.Static<typeof ProviderStatus>

/** What every answer of the portal is wrapped in, refusals included. */
export function PortalEnvelope<T extends Type.TSchema>(response: T, title?: string) {
  return Type.Object(
    {
      request_id: Type.String({ format: 'uuid' }),
      response_timestamp: instant,
      response_state_epoch: optional(Type.Integer({ description: 'The epoch of the chain at which this was true.' })),
      response_code: Type.Integer({ description: 'The status of HTTP.' }),
      error_code: optional(Type.Integer({ description: 'Why not, as a number to branch on.', examples: [4021] })),
      error_slug: optional(Type.String({ examples: ['ErrProviderHasReplica'] })),
      error_lines: optional(Type.Array(Type.String(), { description: 'Every reason, as a sentence.' })),
      info_lines: optional(Type.Array(Type.String())),
      response_entries: optional(Type.Integer({ description: 'How many, where the response is a list.' })),
      response: Type.Union([response, Type.Null()]),
    },
    title === undefined ? {} : { title },
  )
}

/** A refusal: `response` is null, or what a decision was made by. */
export const PortalRefusal = PortalEnvelope(Type.Any(), 'PortalRefusal')

export interface PortalAnswer<T = unknown> {
  request_id: string
  response_timestamp: string
  response_state_epoch?: number
  response_code: number
  error_code?: number
  error_slug?: string
  error_lines?: string[]
  info_lines?: string[]
  response_entries?: number
  response: T | null
}

const Switch = Type.Union([Type.Literal('true'), Type.Literal('false'), Type.Literal('1'), Type.Literal('0'), Type.Literal('')])

/** Most pieces in one answer. */
export const maxEligibleLimit = 2 * 1024 * 1024

export const EligibleQuery = Type.Object({
  limit: optional(Type.Integer({ minimum: 1, maximum: maxEligibleLimit, default: 500 })),
  tenant: optional(Type.Integer({ minimum: 0, maximum: 2 ** 15 - 1, description: 'There is one tenant here, 1.' })),
  'orglocal-only': optional({ ...Switch, description: 'Only pieces of which the same organisation holds a replica already.' }),
  'include-sourceless': optional({ ...Switch, description: 'Changes nothing: every piece here can be downloaded from here.' }),
})
export type EligibleQuery = { limit?: number; tenant?: number; 'orglocal-only'?: string; 'include-sourceless'?: string }

export const RequestQuery = Type.Object({ tenant: optional(Type.Integer({ minimum: 0, maximum: 2 ** 15 - 1 })) })
export type RequestQuery = Type.Static<typeof RequestQuery>
export const RequestParams = Type.Object({
  pieceCid: Type.String({ minLength: 1, maxLength: 200, description: 'Of either version.' }),
})
