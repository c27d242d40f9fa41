import Type from 'typebox'
import { RetrievalHistory, RetrievalRecord } from './retrievals.ts'

// Storage providers of Filecoin as people see them: on the page for providers, and on that of the operator.

const instant = Type.String({ format: 'date-time' })
const nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()])

const Held = Type.Object({
  state: Type.String({ description: 'As in `active`.' }),
  deals: Type.Integer(),
  bytes: Type.Integer({ description: 'Padded.' }),
})

const Continent = Type.Union([
  Type.Literal('AF'),
  Type.Literal('AN'),
  Type.Literal('AS'),
  Type.Literal('EU'),
  Type.Literal('NA'),
  Type.Literal('OC'),
  Type.Literal('SA'),
])

/** A registered storage provider, and what it holds. */
export const StorageProvider = Type.Object(
  {
    provider: Type.String({ examples: ['f01234'] }),
    name: Type.String(),
    organisation: Type.String(),
    city: Type.String(),
    country: Type.String({ description: 'ISO 3166-1 alpha-2.' }),
    continent: Continent,
    state: Type.Union([Type.Literal('active'), Type.Literal('suspended')]),
    retrievalUrl: nullable(
      Type.String({ description: 'Where it gives out what it holds, by /ipfs and /piece; null where that is not known.' }),
    ),
    deals: Type.Array(Held),
    overdue: Type.Integer({ description: 'Deals whose next step should have happened by now.' }),
    retrievals: RetrievalRecord,
  },
  { title: 'StorageProvider' },
)
export type StorageProvider = Type.Static<typeof StorageProvider>

/** By which numbers pieces are given out. */
const Rules = Type.Object(
  {
    replicas: Type.Integer(),
    perOrganisation: Type.Integer(),
    perCity: Type.Integer(),
    perCountry: Type.Integer(),
    perContinent: Type.Integer(),
    inFlightBytes: Type.Integer(),
    endingDays: Type.Integer(),
    mustMine: Type.Boolean(),
    leastStanding: Type.Union([Type.Literal('good'), Type.Literal('shaky'), Type.Literal('any')], {
      description: 'With a worse standing a provider gets no pieces.',
    }),
  },
  { title: 'ReplicationRules' },
)

const OfferedPiece = Type.Object(
  {
    pieceCid: Type.String(),
    bytes: Type.Integer({ description: 'Padded.' }),
    dataBytes: Type.Integer({ description: 'What there is to download.' }),
    replicas: Type.Integer({ description: 'Live ones that count.' }),
    since: instant,
  },
  { title: 'OfferedPiece' },
)
export type OfferedPiece = Type.Static<typeof OfferedPiece>

export const StorageProviders = Type.Object(
  {
    network: nullable(
      Type.String({ description: 'Null where this server makes no Filecoin deals, or its node has not answered yet.' }),
    ),
    isDevnet: Type.Boolean({ description: 'Whether the providers are simulated on the machine of this server.' }),
    epoch: nullable(Type.Integer()),
    nodeUrl: nullable(
      Type.String({
        description: 'Of the devnet that this server runs: its node, which only the machine of the server reaches.',
      }),
    ),
    portalUrl: Type.String(),
    rules: Rules,
    offered: Type.Object(
      {
        pieces: Type.Integer(),
        bytes: Type.Integer({ description: 'Padded.' }),
        first: Type.Array(OfferedPiece, { description: 'Those that have waited longest; of many only the first.' }),
      },
      { description: 'Pieces that have fewer replicas than are wanted.' },
    ),
    providers: Type.Array(StorageProvider),
  },
  { title: 'StorageProviders' },
)
export type StorageProviders = Type.Static<typeof StorageProviders>

export const ProviderDeal = Type.Object(
  {
    id: Type.Integer(),
    pieceCid: Type.String(),
    proposalCid: nullable(Type.String({ description: 'By which the provider imports the data.' })),
    bytes: Type.Integer({ description: 'Padded.' }),
    dataBytes: Type.Integer({ description: 'What there is to download.' }),
    state: Type.String(),
    reason: nullable(Type.String()),
    proving: nullable(Type.String()),
    chainDealId: nullable(Type.Integer()),
    startEpoch: nullable(Type.Integer()),
    endEpoch: nullable(Type.Integer()),
    dueAt: nullable(instant),
    isOverdue: Type.Boolean(),
    changedAt: instant,
  },
  { title: 'ProviderDeal' },
)
export type ProviderDeal = Type.Static<typeof ProviderDeal>

export const ProviderDeals = Type.Object(
  {
    network: Type.String(),
    isDevnet: Type.Boolean({ description: 'Whether it is simulated on the machine of the server.' }),
    portalUrl: Type.String(),
    inFlight: Type.Object({
      bytes: Type.Integer({ description: 'Padded: taken, and in no sector yet.' }),
      most: Type.Integer(),
    }),
    provider: StorageProvider,
    history: RetrievalHistory,
    deals: Type.Array(ProviderDeal, { description: 'The newest first; of many only the newest.' }),
  },
  { title: 'ProviderDeals' },
)
export type ProviderDeals = Type.Static<typeof ProviderDeals>

export const ProviderParams = Type.Object({ provider: Type.String({ maxLength: 40, examples: ['f01234'] }) })

const details = {
  name: Type.Optional(Type.String({ maxLength: 200 })),
  organisation: Type.String({ minLength: 1, maxLength: 200 }),
  city: Type.String({ minLength: 1, maxLength: 200 }),
  country: Type.String({ minLength: 2, maxLength: 2 }),
  continent: Continent,
  retrievalUrl: Type.Optional(nullable(Type.String({ maxLength: 200 }))),
}

export const NewStorageProvider = Type.Object(
  { provider: Type.String({ maxLength: 40 }), ...details },
  { additionalProperties: false },
)
export type NewStorageProvider = Type.Static<typeof NewStorageProvider>

export const StorageProviderChange = Type.Partial(Type.Object(details), { additionalProperties: false })
export type StorageProviderChange = Type.Static<typeof StorageProviderChange>

export const Suspension = Type.Object({ because: Type.String({ maxLength: 200 }) }, { additionalProperties: false })
export type Suspension = Type.Static<typeof Suspension>

const Replicated = Type.Object({
  aggregate: Type.Integer(),
  pieceCid: Type.String(),
  replicas: Type.Integer(),
  providers: Type.Array(Type.String()),
})
export type Replicated = Type.Static<typeof Replicated>

/** Who holds how much of what, for the operator. */
export const Replication = Type.Object(
  {
    wanted: Type.Integer(),
    counts: Type.Array(Type.Object({ replicas: Type.Integer(), aggregates: Type.Integer() }), {
      description: 'How many built aggregates have so many live replicas that count.',
    }),
    under: Type.Array(Replicated, { description: 'With fewer than are wanted; the oldest first.' }),
    over: Type.Array(Replicated, { description: 'With more than are wanted, the most first.' }),
    short: Type.Integer({ description: 'How many have fewer than are wanted.' }),
    places: Type.Array(
      Type.Object({
        continent: Continent,
        country: nullable(Type.String({ description: 'Null: the whole continent.' })),
        replicas: Type.Integer(),
        aggregates: Type.Integer({ description: 'How many have replicas there.' }),
        over: Type.Integer({ description: 'How many have more there than the rules allow.' }),
        room: Type.Integer({ description: 'How many have fewer replicas than are wanted, and may have one more there.' }),
      }),
    ),
    crowded: Type.Array(
      Type.Object({
        aggregate: Type.Integer(),
        pieceCid: Type.String(),
        where: Type.String(),
        replicas: Type.Integer(),
        most: Type.Integer(),
      }),
      { description: 'With more in one place than the rules allow, as after a change of the rules.' },
    ),
  },
  { title: 'Replication' },
)
export type Replication = Type.Static<typeof Replication>

export const PortalLogEntry = Type.Object(
  {
    id: Type.String(),
    at: instant,
    provider: nullable(Type.String()),
    place: Type.String(),
    call: Type.String(),
    pieceCid: nullable(Type.String()),
    status: Type.Integer(),
    errorCode: nullable(Type.Integer()),
    reason: nullable(Type.String()),
    dealId: nullable(Type.Integer()),
  },
  { title: 'PortalLogEntry' },
)
export type PortalLogEntry = Type.Static<typeof PortalLogEntry>

export const PortalLogQuery = Type.Object({
  provider: Type.Optional(Type.String({ maxLength: 40 })),
  all: Type.Optional(Type.Boolean()),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, default: 50 })),
})
export type PortalLogQuery = Type.Static<typeof PortalLogQuery>

/** A storage provider that asks to be registered. */
export const ProviderApplication = Type.Object(
  {
    provider: Type.String({ examples: ['f01234'] }),
    name: Type.String(),
    organisation: Type.String(),
    city: Type.String(),
    country: Type.String(),
    continent: Continent,
    retrievalUrl: nullable(Type.String()),
    place: Type.String({ description: 'Where it asked from.' }),
    askedAt: instant,
    state: Type.Union([Type.Literal('waiting'), Type.Literal('approved'), Type.Literal('declined')]),
    decidedAt: nullable(instant),
    decidedBy: nullable(Type.String()),
    because: nullable(Type.String()),
  },
  { title: 'ProviderApplication' },
)
export type ProviderApplication = Type.Static<typeof ProviderApplication>

export const ApplicationsQuery = Type.Object({
  state: Type.Optional(Type.Union([Type.Literal('waiting'), Type.Literal('approved'), Type.Literal('declined')])),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, default: 200 })),
})
export type ApplicationsQuery = Type.Static<typeof ApplicationsQuery>
