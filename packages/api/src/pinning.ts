import Type from 'typebox'
import { PinStatus } from './nft.ts'

// The IPFS Pinning Service API, version 1.0.0: objects as it defines them.

/** What somebody wants kept: the DAG below a CID, whoever has it now. */
export const RemotePin = Type.Object(
  {
    cid: Type.String({
      description: 'The root of the DAG. All of it is kept.',
      examples: ['bafkreidvbhs33ighmljlvr7zbv2ywwzcmp5adtf4kqvlly67cy56bdtmve'],
    }),
    name: Type.Optional(Type.String({ maxLength: 255, description: 'To find it by.', examples: ['A painting'] })),
    origins: Type.Optional(
      Type.Array(Type.String(), {
        maxItems: 20,
        uniqueItems: true,
        description: 'Multiaddrs of IPFS nodes and HTTP gateways that have it. They are asked first.',
        examples: [['/dns4/ipfs.example.org/tcp/443/https']],
      }),
    ),
    meta: Type.Optional(
      Type.Record(Type.String(), Type.String(), { description: 'Whatever is worth knowing of it, to filter by.' }),
    ),
  },
  { title: 'RemotePin' },
)
export type RemotePin = Type.Static<typeof RemotePin>

/** A request to keep something, and where it stands. */
export const RemotePinStatus = Type.Object(
  {
    requestid: Type.String({ description: 'Names the request: the same CID pinned twice is two.' }),
    status: PinStatus,
    created: Type.String({ format: 'date-time', description: 'Different for each request of an account.' }),
    pin: RemotePin,
    delegates: Type.Array(Type.String(), {
      minItems: 1,
      maxItems: 20,
      uniqueItems: true,
      description: 'Multiaddrs of the IPFS node that fetches it: connect to it to be found at once.',
    }),
    info: Type.Optional(
      Type.Record(Type.String(), Type.String(), {
        description:
          '`status_details` says in words how far it is, or why it failed. `blocks` and `bytes` are those that are here; `dag_size` is there when all are; `attempts` and `next_attempt` where it did not work at once.',
      }),
    ),
  },
  { title: 'RemotePinStatus' },
)
export type RemotePinStatus = Type.Static<typeof RemotePinStatus>

export const RemotePinResults = Type.Object(
  {
    count: Type.Integer({ description: 'How many match, over all pages.' }),
    results: Type.Array(RemotePinStatus, { maxItems: 1000 }),
  },
  { title: 'RemotePinResults' },
)
export type RemotePinResults = Type.Static<typeof RemotePinResults>

export const RemotePinQuery = Type.Object({
  cid: Type.Optional(Type.String({ description: 'Only these CIDs, in any spelling: up to 10, comma-separated.' })),
  name: Type.Optional(Type.String({ description: 'Only requests of this name; at most 255 characters.' })),
  match: Type.Optional(
    Type.String({
      description: 'How `name` is compared: `exact` (when absent), `iexact` (in any case), `partial` (contains it), `ipartial`.',
    }),
  ),
  status: Type.Optional(
    Type.String({ description: '`queued`, `pinning`, `pinned`, `failed`, comma-separated; `pinned` when absent.' }),
  ),
  before: Type.Optional(Type.String({ description: 'RFC 3339 date-time with zone: only those created earlier.' })),
  after: Type.Optional(Type.String({ description: 'RFC 3339 date-time with zone: only those created later.' })),
  limit: Type.Optional(Type.String({ description: '1 to 1000; 10 when absent.' })),
  meta: Type.Optional(Type.String({ description: 'A JSON object of strings: only requests whose `meta` has all of it.' })),
})
export type RemotePinQuery = Type.Static<typeof RemotePinQuery>

export const RequestIdParams = Type.Object({ requestid: Type.String({ description: '`requestid` of a request of yours.' }) })

/** How every failure of the Pinning Service API looks. */
export const PinningFailure = Type.Object(
  {
    error: Type.Object({
      reason: Type.String({ description: 'A word to branch on.', examples: ['BAD_REQUEST'] }),
      details: Type.Optional(Type.String({ description: 'A sentence for the person who made the request.' })),
    }),
  },
  { title: 'PinningFailure' },
)
export type PinningFailure = Type.Static<typeof PinningFailure>
