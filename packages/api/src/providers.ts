import Type from 'typebox'

const NamedProvider = Type.Object(
  {
    id: Type.String({ description: 'Peer id; empty for a gateway that has none.' }),
    addrs: Type.Array(Type.String(), { description: 'Multiaddrs.' }),
    protocols: Type.Optional(Type.Array(Type.String())),
    isOurs: Type.Boolean({ description: 'Whether it is this server.' }),
    namedBy: Type.Integer({ description: 'How many peers of the DHT named it; 1 for a router.' }),
  },
  { title: 'NamedProvider' },
)
export type NamedProvider = Type.Static<typeof NamedProvider>

const Found = Type.Object(
  {
    providers: Type.Array(NamedProvider),
    durationMs: Type.Integer(),
    error: Type.Optional(Type.String({ description: 'Why it could not be asked, or not to the end.' })),
  },
  { title: 'FoundProviders' },
)
export type FoundProviders = Type.Static<typeof Found>

/** Who provides a CID, and whether the network can know that this server does. */
export const ProviderReport = Type.Object(
  {
    cid: Type.String(),
    isHere: Type.Boolean({ description: 'Whether the block is here, as a root or inside a DAG.' }),
    content: Type.Union([Type.Literal('complete'), Type.Literal('incomplete'), Type.Literal('none')], {
      description: 'As a root: whether all of its DAG is here; `none` where nobody stored it as one.',
    }),
    announcing: Type.Union([Type.Literal('roots'), Type.Literal('entries'), Type.Literal('off')], {
      description: 'What this server tells the DHT.',
    }),
    announcement: Type.Optional(
      Type.Object(
        {
          state: Type.Union([
            Type.Literal('queued'),
            Type.Literal('announced'),
            Type.Literal('overdue'),
            Type.Literal('stopped'),
          ]),
          announcedAt: Type.Optional(Type.String({ format: 'date-time' })),
          peers: Type.Integer({ description: 'Peers that took the record then.' }),
          dueAt: Type.Optional(Type.String({ format: 'date-time', description: 'When it is told next.' })),
          failures: Type.Integer({ description: 'Since peers last took it.' }),
          reason: Type.Optional(Type.String({ description: 'Why the last attempt failed.' })),
        },
        { description: 'Absent for a CID that is not announced by itself, such as a block inside a file.' },
      ),
    ),
    peer: Type.Optional(
      Type.Object(
        {
          id: Type.String(),
          addresses: Type.Array(Type.String()),
          dhtPeers: Type.Integer({ description: 'Peers of the DHT it knows.' }),
          connections: Type.Integer(),
        },
        { description: "This server's node of the IPFS network; absent while there is none." },
      ),
    ),
    gatewayUrl: Type.String(),
    dht: Found,
    routers: Type.Array(Type.Intersect([Type.Object({ url: Type.String() }), Found])),
  },
  { title: 'ProviderReport' },
)
export type ProviderReport = Type.Static<typeof ProviderReport>
