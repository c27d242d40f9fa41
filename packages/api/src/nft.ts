import Type from 'typebox'

export const PinStatus = Type.Union([
  Type.Literal('queued'),
  Type.Literal('pinning'),
  Type.Literal('pinned'),
  Type.Literal('failed'),
])

/** Where a root stands with one of those who keep it. */
export const BackendPin = Type.Object(
  {
    backend: Type.String({ description: '`embedded` is this server itself.', examples: ['embedded', 'cluster'] }),
    status: PinStatus,
    since: Type.String({ format: 'date-time', description: 'Since when it has this status.' }),
    error: Type.Optional(Type.String({ description: 'Why it failed, or what went wrong at the last attempt.' })),
    nextAttempt: Type.Optional(
      Type.String({ format: 'date-time', description: 'When what failed is tried again. Absent once it is given up.' }),
    ),
  },
  { title: 'BackendPin' },
)
export type BackendPin = Type.Static<typeof BackendPin>

const pins = Type.Array(BackendPin, { description: 'All who are to keep it, the primary one first.' })

/** Where a root's pin stands with the primary backend. */
export const Pin = Type.Object(
  {
    cid: Type.String(),
    created: Type.String({ format: 'date-time' }),
    size: Type.Union([Type.Integer(), Type.Null()], { description: 'Bytes of the DAG; null while not known.' }),
    status: PinStatus,
    missing: Type.Optional(
      Type.Object(
        {
          blocks: Type.Integer({ description: 'Blocks known to be missing; each may lead to more.' }),
          cids: Type.Array(Type.String(), { description: 'A few of them.' }),
          reason: Type.Optional(Type.String({ description: 'Why completeness cannot be told, where that is so.' })),
        },
        { description: 'There while the DAG is incomplete: what was not received yet.' },
      ),
    ),
  },
  { title: 'Pin' },
)

export const Deal = Type.Object(
  {
    status: Type.String({ examples: ['queued', 'published', 'active', 'terminated'] }),
    lastChanged: Type.String({ format: 'date-time' }),
    batchRootCid: Type.Optional(Type.String()),
    pieceCid: Type.Optional(Type.String()),
    datamodelSelector: Type.Optional(Type.String()),
    chainDealID: Type.Optional(Type.Integer()),
    miner: Type.Optional(Type.String()),
    statusText: Type.Optional(Type.String()),
    dealActivation: Type.Optional(Type.String({ format: 'date-time' })),
    dealExpiration: Type.Optional(Type.String({ format: 'date-time' })),
  },
  { title: 'Deal' },
)

/** One upload as its owner sees it: the answer of upload and status, and an entry of the list. */
export const Nft = Type.Object(
  {
    cid: Type.String({
      description: 'The root as it was asked for.',
      examples: ['bafkreidvbhs33ighmljlvr7zbv2ywwzcmp5adtf4kqvlly67cy56bdtmve'],
    }),
    created: Type.String({ format: 'date-time' }),
    type: Type.String({
      description: '`nft`, `directory`, `remote`, else the media type that was sent.',
      examples: ['image/png', 'application/car'],
    }),
    scope: Type.String({ description: 'Name of the key this was first stored with, or `session`.' }),
    files: Type.Union([Type.Array(Type.Object({ name: Type.String(), type: Type.String() })), Type.Null()]),
    size: Type.Integer({ description: 'Bytes of the DAG; 0 while not known.' }),
    name: Type.String(),
    parts: Type.Array(Type.String(), { description: 'CAR CIDs of what was received.' }),
    pin: Pin,
    pins,
    deals: Type.Array(Deal),
  },
  { title: 'NFT' },
)
export type Nft = Type.Static<typeof Nft>

/** What anybody may know about a CID. */
export const Check = Type.Object({ cid: Type.String(), pin: Pin, pins, deals: Type.Array(Deal) }, { title: 'Check' })
export type Check = Type.Static<typeof Check>

export const CidParams = Type.Object({
  cid: Type.String({
    description: 'A CID, version 0 or 1.',
    examples: ['bafkreidvbhs33ighmljlvr7zbv2ywwzcmp5adtf4kqvlly67cy56bdtmve'],
  }),
})

export const ListQuery = Type.Object({
  before: Type.Optional(
    Type.String({ description: 'RFC 3339 date-time with zone: uploads created then or earlier. Now when absent.' }),
  ),
  limit: Type.Optional(Type.String({ description: '1 to 1000; 10 when absent.' })),
  cursor: Type.Optional(
    Type.String({
      description: 'From the `Link: rel="next"` header of the page before. Stays correct while new uploads arrive.',
    }),
  ),
  sort: Type.Optional(
    Type.String({
      description: '`newest` (when absent), `oldest`, `name` (numbers by their value: 2 before 10), `largest` or `smallest`.',
      examples: ['name'],
    }),
  ),
  name: Type.Optional(Type.String({ description: 'Only uploads whose name contains this, in any case.' })),
  cid: Type.Optional(Type.String({ description: 'Only uploads of this CID, in any spelling; comma-separated for several.' })),
})
export type ListQuery = Type.Static<typeof ListQuery>

/** Several of one's own uploads. */
export const CidList = Type.Object(
  {
    cids: Type.Array(Type.String(), {
      description: 'At most 1,000.',
      examples: [['bafkreidvbhs33ighmljlvr7zbv2ywwzcmp5adtf4kqvlly67cy56bdtmve']],
    }),
  },
  { title: 'CidList' },
)
export type CidList = Type.Static<typeof CidList>

/** Answer of POST /store. */
export const Token = Type.Object(
  {
    ipnft: Type.String({ description: 'CID of the dag-cbor root.' }),
    url: Type.String({ description: '`ipfs://<ipnft>/metadata.json`: the URL to mint with.' }),
    data: Type.Unknown({ description: 'The metadata with `ipfs://` links in place of the files.' }),
  },
  { title: 'Token' },
)
export type Token = Type.Static<typeof Token>

/** `{ ok: true, value }` around `value`. */
export function success<T extends Type.TSchema>(value: T) {
  return Type.Object({ ok: Type.Literal(true), value })
}
