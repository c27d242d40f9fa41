import Type from 'typebox'

// How storage providers give back what they store, for whoever runs the server.

const nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()])
const instant = Type.String({ format: 'date-time' })

/** What the last checks of a storage provider came to. */
export const RetrievalRecord = Type.Object(
  {
    standing: Type.Union([Type.Literal('new'), Type.Literal('good'), Type.Literal('shaky'), Type.Literal('poor')], {
      description:
        '`new`: too few checks to say; `good`: at least 95 % of the last ones went well; `shaky`: at least 70 %; `poor`: fewer.',
    }),
    checks: Type.Integer({ description: 'How many of the last checks this is made of.' }),
    verified: Type.Integer({ description: 'In how many of them everything came back and was right.' }),
    firstByteMs: nullable(Type.Number({ description: 'Median of those.' })),
    bytesPerSecond: nullable(Type.Number()),
    lastAt: nullable(instant),
    lastFailure: nullable(Type.String()),
    lastFailureAt: nullable(instant),
  },
  { title: 'RetrievalRecord' },
)
export type RetrievalRecord = Type.Static<typeof RetrievalRecord>

/** Checks of one storage provider over time. */
export const RetrievalHistory = Type.Object(
  {
    stepSeconds: Type.Integer(),
    stepCount: Type.Integer({ description: 'Steps of the time looked at; those without a check are left out of `steps`.' }),
    endsAt: Type.String({ format: 'date-time', description: 'End of the last step.' }),
    steps: Type.Array(
      Type.Object({
        at: Type.String({ format: 'date-time', description: 'When the step begins.' }),
        checks: Type.Integer(),
        verified: Type.Integer(),
        firstByteMs: nullable(Type.Number()),
        bytesPerSecond: nullable(Type.Number()),
      }),
      { description: 'The oldest first.' },
    ),
  },
  { title: 'RetrievalHistory' },
)
export type RetrievalHistory = Type.Static<typeof RetrievalHistory>

const ProviderRetrievals = Type.Intersect(
  [
    Type.Object({ providerId: Type.Integer(), provider: Type.String({ examples: ['f01000'] }) }),
    RetrievalRecord,
    Type.Object({ history: RetrievalHistory }),
  ],
  { title: 'ProviderRetrievals' },
)

const Retrieval = Type.Object(
  {
    id: Type.Integer(),
    providerId: Type.Integer(),
    provider: Type.String(),
    dealId: Type.Integer(),
    cid: Type.String(),
    way: Type.Union([Type.Literal('raw'), Type.Literal('car'), Type.Literal('path'), Type.Literal('piece')], {
      description:
        'A block, its root where it lies in one piece; all of it; by its path from the root of the aggregate; by a range of bytes of the piece.',
    }),
    outcome: Type.String({ description: '`ok`, or what went wrong, as a word.', examples: ['ok', 'wrong-bytes', 'timeout'] }),
    reason: nullable(Type.String()),
    firstByteMs: nullable(Type.Integer()),
    durationMs: Type.Integer(),
    bytes: Type.Integer(),
    at: instant,
  },
  { title: 'Retrieval' },
)

export const RetrievalsQuery = Type.Object({
  provider: Type.Optional(Type.Integer({ minimum: 1, description: 'Only of this one, by its number here.' })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 50 })),
  before: Type.Optional(Type.Integer({ minimum: 1, description: 'Only those with a smaller number.' })),
})
export type RetrievalsQuery = Type.Static<typeof RetrievalsQuery>

export const Retrievals = Type.Object(
  {
    isDevnet: Type.Boolean(),
    providers: Type.Array(ProviderRetrievals),
    retrievals: Type.Array(Retrieval, { description: 'The newest first.' }),
    next: nullable(Type.Integer({ description: 'What to give as `before` for more.' })),
  },
  { title: 'Retrievals' },
)
export type Retrievals = Type.Static<typeof Retrievals>
