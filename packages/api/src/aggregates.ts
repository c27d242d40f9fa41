import Type from 'typebox'

const instant = Type.String({ format: 'date-time' })
const nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()])

export const AggregateState = Type.Union([
  Type.Literal('collecting'),
  Type.Literal('building'),
  Type.Literal('validating'),
  Type.Literal('built'),
  Type.Literal('failed'),
])

/** An aggregate as administrators see it. */
export const Aggregate = Type.Object(
  {
    id: Type.Integer(),
    layout: Type.Union([Type.Literal('unixfs-2021'), Type.Literal('segments')]),
    state: AggregateState,
    items: Type.Integer(),
    sizeBytes: Type.Integer({ description: 'Of what was built; while it collects, what it will have at most.' }),
    fill: nullable(
      Type.Number({
        description: 'How much of the target it has, 1 being all of what is the target now; null where nothing is packed.',
      }),
    ),
    progress: nullable(
      Type.Number({ description: 'While it is built or validated and that takes some seconds: how much of it is done, 0 to 1.' }),
    ),
    pieceCid: nullable(Type.String()),
    pieceCidV2: nullable(Type.String()),
    root: nullable(Type.String({ description: 'CID of the directory of everything in it.' })),
    oldestAt: nullable(instant),
    closesAt: nullable(instant),
    closedBecause: nullable(Type.Union([Type.Literal('full'), Type.Literal('waited'), Type.Literal('asked')])),
    closedAt: nullable(instant),
    builtAt: nullable(instant),
    validatedAt: nullable(instant),
    attempts: Type.Integer({ description: 'How often building it failed since it was last right.' }),
    reason: nullable(Type.String({ description: 'Why it failed.' })),
    retryAt: nullable(instant),
    createdAt: instant,
  },
  { title: 'Aggregate' },
)
export type Aggregate = Type.Static<typeof Aggregate>

export const Aggregates = Type.Object(
  {
    aggregates: Type.Array(Aggregate),
    next: nullable(Type.Integer({ description: '`before` of the next page.' })),
    rules: nullable(
      Type.Object(
        {
          targetBytes: Type.Integer(),
          minBytes: Type.Integer(),
          settleSeconds: Type.Number(),
          forceSeconds: Type.Number(),
        },
        { description: 'By which numbers is packed; null where nothing is.' },
      ),
    ),
    waiting: Type.Object({
      contents: Type.Integer({ description: 'Complete, and not in an aggregate yet: they settle.' }),
      bytes: Type.Integer(),
      oldestAt: nullable(instant),
      settlesAt: nullable(Type.String({ format: 'date-time', description: 'When the oldest of them has settled.' })),
      obstacleCount: Type.Integer(),
      obstacles: Type.Array(
        Type.Object({ cid: Type.String(), reason: Type.String(), attempts: Type.Integer(), since: instant, retryAt: instant }),
      ),
    }),
    states: Type.Array(
      Type.Object({ state: AggregateState, aggregates: Type.Integer(), items: Type.Integer(), bytes: Type.Integer() }),
    ),
  },
  { title: 'Aggregates' },
)
export type Aggregates = Type.Static<typeof Aggregates>

export const AggregatesQuery = Type.Object({
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 50 })),
  before: Type.Optional(Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })),
  state: Type.Optional(AggregateState),
})
export type AggregatesQuery = Type.Static<typeof AggregatesQuery>
