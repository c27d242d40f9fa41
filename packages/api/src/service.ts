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
