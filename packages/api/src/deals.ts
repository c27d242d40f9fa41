import Type from 'typebox'

const instant = Type.String({ format: 'date-time' })
const nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()])
const id = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })

/** In the order of a deal that goes well, then how it ends. */
export const dealStates = ['reserved', 'proposed', 'delivered', 'published', 'active', 'expired', 'terminated', 'failed'] as const

export const DealState = Type.Enum(dealStates)
export type DealState = Type.Static<typeof DealState>

/** A deal as administrators see it. */
export const Deal = Type.Object(
  {
    id: Type.Integer(),
    state: DealState,
    reason: nullable(Type.String({ description: 'Why it stands where it stands.' })),
    driver: Type.String({ description: 'In which way its proposal comes to the provider.' }),
    network: Type.String(),
    isDevnet: Type.Boolean({ description: 'Of simulated storage providers on the machine of the server.' }),
    provider: Type.Object({
      id: Type.String({ description: 'As in f01234.' }),
      name: Type.String(),
      organisation: Type.String(),
    }),
    aggregateId: Type.Integer(),
    items: Type.Integer({ description: 'Contents in the aggregate.' }),
    pieceCid: Type.String(),
    pieceSizeBytes: Type.Integer({ description: 'Padded.' }),
    proposalCid: nullable(Type.String()),
    startEpoch: nullable(Type.Integer()),
    endEpoch: nullable(Type.Integer()),
    startsAt: nullable(instant),
    endsAt: nullable(instant),
    dueAt: nullable(Type.String({ format: 'date-time', description: 'When it fails unless it has gone on by then.' })),
    againAt: nullable(
      Type.String({ format: 'date-time', description: 'Before then its provider is not given the piece again.' }),
    ),
    chainDealId: nullable(Type.Integer()),
    sector: nullable(Type.Integer()),
    proving: nullable(
      Type.Union([Type.Literal('proving'), Type.Literal('unproven'), Type.Literal('faulty'), Type.Literal('unknown')]),
    ),
    deadline: nullable(Type.Integer()),
    partition: nullable(Type.Integer()),
    lastProvenEpoch: nullable(Type.Integer()),
    checkedEpoch: nullable(Type.Integer({ description: 'Up to which epoch the chain was looked at for it.' })),
    replacesId: nullable(Type.Integer({ description: 'The deal it stands in for.' })),
    createdAt: instant,
    changedAt: instant,
  },
  { title: 'StorageDeal' },
)
export type Deal = Type.Static<typeof Deal>

export const DealEvent = Type.Object(
  {
    at: instant,
    state: DealState,
    reason: nullable(Type.String()),
    epoch: nullable(Type.Integer()),
    evidence: Type.Record(Type.String(), Type.Unknown(), { description: 'CIDs and numbers that anybody can look up.' }),
  },
  { title: 'StorageDealEvent' },
)
export type DealEvent = Type.Static<typeof DealEvent>

/** One deal with everything that happened to it, the oldest first. */
export const DealDetails = Type.Object(
  { deal: Deal, events: Type.Array(DealEvent), label: nullable(Type.String()), client: nullable(Type.String()) },
  { title: 'StorageDealDetails' },
)
export type DealDetails = Type.Static<typeof DealDetails>

export const DealsOverview = Type.Object(
  {
    states: Type.Array(Type.Object({ state: DealState, deals: Type.Integer(), bytes: Type.Integer({ description: 'Padded.' }) })),
    pieces: Type.Object(
      { built: Type.Integer(), withoutDeal: Type.Integer(), short: Type.Integer() },
      {
        description:
          'Aggregates that have been built; those nobody has or has asked for; those with fewer live deals than wanted.',
      },
    ),
    wanted: Type.Integer({ description: 'Live deals wanted of each.' }),
    providers: Type.Object({ active: Type.Integer(), suspended: Type.Integer() }),
    chain: nullable(
      Type.Object({
        network: Type.String(),
        isDevnet: Type.Boolean(),
        epoch: Type.Integer({ description: 'By the clock.' }),
        followedTo: nullable(Type.Integer({ description: 'The epoch whose state the deals show.' })),
      }),
    ),
    chainTrouble: nullable(Type.String({ description: 'Why there is none.' })),
    client: nullable(Type.String({ description: 'Address whose key signs new proposals.' })),
  },
  { title: 'DealsOverview' },
)
export type DealsOverview = Type.Static<typeof DealsOverview>

export const Deals = Type.Object(
  {
    deals: Type.Array(Deal),
    next: nullable(Type.Integer({ description: '`before` of the next page.' })),
    overview: DealsOverview,
  },
  { title: 'StorageDeals' },
)
export type Deals = Type.Static<typeof Deals>

export const DealsQuery = Type.Object({
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 50 })),
  before: Type.Optional(id),
  state: Type.Optional(DealState),
  provider: Type.Optional(Type.String({ description: 'As in f01234.', maxLength: 20 })),
  aggregate: Type.Optional(id),
})
export type DealsQuery = Type.Static<typeof DealsQuery>

export const ProposeRequest = Type.Object(
  {
    aggregate: id,
    provider: Type.String({ description: 'As in f01234.', maxLength: 20 }),
    force: Type.Optional(Type.Boolean({ description: 'Also where there are as many live deals as wanted.' })),
  },
  { title: 'ProposeRequest', additionalProperties: false },
)
export type ProposeRequest = Type.Static<typeof ProposeRequest>

/** A signed proposal to hand to its provider by other means. */
export const ExportedProposal = Type.Object(
  {
    deal: Type.Integer(),
    network: Type.String(),
    provider: Type.String(),
    client: Type.String(),
    proposalCid: Type.String(),
    pieceCid: Type.String(),
    pieceCidV2: Type.String(),
    pieceSize: Type.Integer({ description: 'Padded.' }),
    payloadSize: Type.Integer({ description: 'Bytes to download.' }),
    label: Type.String(),
    startEpoch: Type.Integer(),
    endEpoch: Type.Integer(),
    source: Type.String({ description: 'Where the piece is downloaded.' }),
    clientDealProposal: Type.String({ description: 'The signed proposal, CBOR in base64.' }),
    chainDealId: nullable(Type.Integer({ description: 'To be filled in before it is imported.' })),
  },
  { title: 'ExportedProposal' },
)
export type ExportedProposal = Type.Static<typeof ExportedProposal>

export const ExportRequest = Type.Object(
  {
    deals: Type.Optional(
      Type.Array(id, { maxItems: 1000, description: 'Their numbers; all that wait to be published without.' }),
    ),
  },
  { title: 'ExportRequest', additionalProperties: false },
)
export type ExportRequest = Type.Static<typeof ExportRequest>

export const ExportedProposals = Type.Object({ proposals: Type.Array(ExportedProposal) }, { title: 'ExportedProposals' })
export type ExportedProposals = Type.Static<typeof ExportedProposals>

export const ImportRequest = Type.Object(
  {
    deals: Type.Optional(
      Type.Array(
        Type.Object({
          deal: Type.Union([id, Type.String({ maxLength: 100 })], { description: 'Its number, or the CID of its proposal.' }),
          chainDealId: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
        }),
        { maxItems: 1000 },
      ),
    ),
    text: Type.Optional(
      Type.String({
        description: 'Pairs as in 7=4821234, one a line; or an export in which chainDealId is filled in.',
        maxLength: 4_000_000,
      }),
    ),
  },
  { title: 'ImportRequest', additionalProperties: false, description: 'One of the two.' },
)
export type ImportRequest = Type.Static<typeof ImportRequest>

export const ImportOutcome = Type.Object(
  {
    deal: Type.Union([Type.Integer(), Type.String()]),
    chainDealId: Type.Integer(),
    outcome: Type.Union([Type.Literal('published'), Type.Literal('known'), Type.Literal('refused')]),
    reason: nullable(Type.String({ description: 'Why it was refused: what differs between the chain and the proposal.' })),
  },
  { title: 'ImportOutcome' },
)
export type ImportOutcome = Type.Static<typeof ImportOutcome>

export const ImportOutcomes = Type.Object({ outcomes: Type.Array(ImportOutcome) }, { title: 'ImportOutcomes' })
export type ImportOutcomes = Type.Static<typeof ImportOutcomes>

export const CancelRequest = Type.Object(
  { reason: Type.Optional(Type.String({ minLength: 1, maxLength: 500 })) },
  { title: 'CancelRequest', additionalProperties: false },
)
export type CancelRequest = Type.Static<typeof CancelRequest>
