import Type from 'typebox'

export const Version = Type.Object(
  { version: Type.String(), commit: Type.String(), branch: Type.String(), mode: Type.String() },
  { title: 'Version' },
)
export type Version = Type.Static<typeof Version>

export const Stats = Type.Object(
  {
    deals_size_total: Type.Integer(),
    deals_size_total_prev: Type.Integer(),
    uploads_past_7_total: Type.Integer(),
    uploads_blob_total: Type.Integer(),
    uploads_car_total: Type.Integer(),
    uploads_nft_total: Type.Integer(),
    uploads_remote_total: Type.Integer(),
    uploads_multipart_total: Type.Integer(),
  },
  { title: 'Stats' },
)

const byType = Type.Object({
  Blob: Type.Integer(),
  Car: Type.Integer(),
  Multipart: Type.Integer(),
  Nft: Type.Integer(),
  Remote: Type.Integer(),
})

const share = {
  items: Type.Integer({ description: 'Items that have had the time to be packed.' }),
  provenOnce: Type.Integer({ description: 'Of these, with at least one deal whose sector is proven.' }),
  provenEnough: Type.Integer({ description: 'Of these, with as many of them as are wanted.' }),
}

/** How much of what is kept here is properly proven by storage providers, on the network this server follows. */
export const FilecoinHistory = Type.Object(
  {
    network: Type.String(),
    isDevnet: Type.Boolean({ description: 'Whether the storage providers are simulated on the machine of this server.' }),
    replicas: Type.Integer({ description: 'How many deals of an item are wanted.' }),
    sampledAt: Type.String({ format: 'date-time', description: 'When the newest day was counted.' }),
    days: Type.Array(
      Type.Object({
        day: Type.String({ format: 'date' }),
        ...share,
        deals: Type.Record(Type.String(), Type.Integer(), { description: 'Deals by state.' }),
      }),
      { description: 'The oldest first; days on which the chain could not be read are left out. At most 366.' },
    ),
    ages: Type.Array(
      Type.Object({
        age: Type.Union([Type.Literal('day'), Type.Literal('week'), Type.Literal('month'), Type.Literal('older')]),
        ...share,
      }),
      { description: 'The newest day, by how long ago the items became complete: up to a day, a week, a month, longer.' },
    ),
  },
  { title: 'FilecoinHistory' },
)
export type FilecoinHistory = Type.Static<typeof FilecoinHistory>

/** The same over time, in days of UTC. */
export const StatsHistory = Type.Object(
  {
    days: Type.Array(
      Type.Object({
        day: Type.String({ format: 'date', examples: ['2026-11-22'] }),
        uploads: byType,
        storedBytes: Type.Integer({ description: 'Of the shards kept today: those that came until the end of this day.' }),
        users: Type.Integer({ description: 'Accounts of today that were there at the end of this day.' }),
        pinned: Type.Integer({ description: 'Contents of today that were complete here at the end of this day.' }),
        pinnedElsewhere: Type.Integer({
          description: 'Pins at other keepers that were true at the end of this day and are today.',
        }),
        pieces: Type.Integer({ description: 'Pieces for Filecoin that were built and validated by the end of this day.' }),
      }),
      { description: 'The oldest first, none left out, up to today; 14 to 366.' },
    ),
    contents: Type.Object(
      {
        complete: Type.Integer({ description: 'Every block is here.' }),
        incomplete: Type.Integer({ description: 'Blocks are missing.' }),
      },
      { description: 'What is held today, each content once.' },
    ),
    pins: Type.Array(
      Type.Object({
        backend: Type.String({ examples: ['embedded', 'cluster'] }),
        queued: Type.Integer(),
        pinning: Type.Integer(),
        pinned: Type.Integer(),
        failed: Type.Integer(),
      }),
      { description: 'Contents by who keeps them and how far that is; `embedded` is this server.' },
    ),
    pieces: Type.Object(
      {
        collecting: Type.Integer(),
        building: Type.Integer({ description: 'Being built or validated.' }),
        built: Type.Integer({ description: 'Ready to be taken by storage providers.' }),
        failed: Type.Integer(),
      },
      { description: 'Pieces for Filecoin, by state.' },
    ),
    filecoin: Type.Optional(FilecoinHistory),
  },
  { title: 'StatsHistory' },
)
export type StatsHistory = Type.Static<typeof StatsHistory>

export const Health = Type.Object(
  {
    ok: Type.Boolean(),
    checks: Type.Record(
      Type.String(),
      Type.Object({ ok: Type.Boolean(), message: Type.Optional(Type.String()), durationMs: Type.Number() }),
    ),
  },
  { title: 'Health' },
)
