import Type from 'typebox'

/** Where the schema of the documents of version 1 is published, below `/api`. It stays there. */
export const proofSchemaPath = '/schemas/proof-1.json'

/** Base64 is written in one way only, so that no change of a letter goes unseen. */
const base64 = {
  /** 0 to 126 bytes. */
  some: '^(?:[A-Za-z0-9+/]{4}){0,42}(?:[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=|[A-Za-z0-9+/][AQgw]==)?$',
  /** 32 bytes. */
  node: '^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$',
}
const bytes = (description: string, pattern = base64.node) => Type.String({ contentEncoding: 'base64', pattern, description })
const size = (description: string) => Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description })
const cid = (description: string, pattern = '^b[a-z2-7]{5,512}$') => Type.String({ pattern, description })
const pieceCidV2 = (description: string) => cid(description, '^bafkzcib[a-z2-7]{56,69}$')
const ranges = (description: string) =>
  Type.Array(Type.Array(Type.Integer({ minimum: 0, maximum: 1024 }), { minItems: 2, maxItems: 2 }), {
    description,
    minItems: 1,
    maxItems: 256,
  })
const strict = { additionalProperties: false }

const besides = {
  before: bytes('What stands in front of the bytes in the first 127 bytes of the piece that they touch.', base64.some),
  after: bytes('What stands behind them in the last 127 bytes that they touch.', base64.some),
  path: Type.Array(bytes('A node, 32 bytes.'), {
    maxItems: 94,
    description:
      'The nodes beside the way from these groups of 127 bytes up to the commitment, from the bottom; where there is one on either side, the left one first.',
  }),
}

const BytesInPiece = Type.Object(besides, {
  ...strict,
  title: 'BytesInPiece',
  description: 'Shows that bytes are at a place in a piece.',
})

const PathInPiece = Type.Object(
  {
    index: size('Place of the node among those of its height, from the left.'),
    path: Type.Array(bytes('A node, 32 bytes.'), { maxItems: 47, description: 'The nodes beside the way up, from the bottom.' }),
  },
  { ...strict, title: 'PathInPiece', description: 'Shows that a node is at a place in the tree over a piece.' },
)

const Run = Type.Object(
  {
    blocks: ranges('Numbers of the blocks, in order: from the first to before the second of each pair.'),
    offset: size('Where the first of them begins in the data of the piece.'),
    length: size('Bytes of all of them, each with its length and CID in front as in a CAR.'),
    cidV0: Type.Optional(ranges('Blocks whose CID is spelled in version 0 there.')),
    ...besides,
  },
  {
    ...strict,
    title: 'ProofRun',
    description: 'Blocks that lie side by side in the piece. Shows that exactly these bytes lie exactly there.',
  },
)

const UnixfsPlace = Type.Object(
  {
    layout: Type.Literal('unixfs-2021'),
    root: cid('CID of the directory of all that is in the piece: the root of the CAR that the piece is.'),
    path: Type.String({ pattern: '^[a-z0-9./]{1,2000}$', description: 'Names that lead from there to the content.' }),
    selector: Type.String({
      pattern: '^Links/[0-9]{1,9}/Hash/Links/[0-9]{1,9}/Hash/Links/[0-9]{1,9}/Hash$',
      description: 'Links that lead there, as `datamodelSelector` of a deal has them.',
    }),
    header: BytesInPiece,
  },
  { ...strict, title: 'UnixfsPlace', description: '`header` shows that the piece begins as a CAR with this root does.' },
)

const SegmentPlace = Type.Object(
  {
    layout: Type.Literal('segments'),
    segment: Type.Object(
      {
        cid: pieceCidV2("Piece CID (version 2) of the content's own CAR."),
        paddedOffset: size('Where it begins in the padded form of the piece.'),
      },
      strict,
    ),
    inclusion: Type.Object(
      { subtree: PathInPiece, index: PathInPiece },
      { ...strict, description: 'The inclusion proof of FRC-0058.' },
    ),
  },
  { ...strict, title: 'SegmentPlace', description: "The content's own CAR is a piece inside the piece, listed in its index." },
)

const network = Type.String({ pattern: '^[a-z0-9-]{1,32}$', examples: ['mainnet'] })
const provider = Type.String({ pattern: '^[ft]0[0-9]{1,20}$', examples: ['f01234'] })

const Place = Type.Object(
  {
    piece: Type.Object(
      {
        cid: pieceCidV2('Piece CID of version 2: commitment, size and length of the data.'),
        cidV1: cid('The same commitment as deals name it.', '^baga6ea4sea[a-z2-7]{53}$'),
        paddedBytes: size('The piece size in deals.'),
      },
      strict,
    ),
    aggregate: Type.Union([UnixfsPlace, SegmentPlace]),
    part: Type.Optional(
      Type.Object(
        { index: size('From 0.'), of: size('Parts in all.') },
        { ...strict, description: 'There where the DAG is larger than a piece and lies in several.' },
      ),
    ),
    runs: Type.Array(Run, {
      maxItems: 64,
      description:
        'Where the blocks lie. What is in none of them is not proven: a document speaks of the first 1,024 blocks at most.',
    }),
    deals: Type.Array(Type.Object({ network, dealId: size('Its number there.'), provider }, strict), {
      maxItems: 256,
      description: 'Deals about the piece. Whether the chain knows them is not shown by this document.',
    }),
    proving: Type.Array(
      Type.Object({ network, provider, sector: size('Its number.'), epoch: size('When it was last looked at.') }, strict),
      { maxItems: 256, description: 'Sectors that hold the piece. Whether they are being proven is not shown by this document.' },
    ),
  },
  { ...strict, title: 'ProofPlace', description: 'A piece that holds the content, or a part of it.' },
)

/** The proof of where a content lies in pieces for Filecoin. What it shows and what not: docs/proofs.md. */
export const Proof = Type.Object(
  {
    format: Type.Literal('keepsake-proof'),
    version: Type.Literal(1, { description: 'Goes up when what a document means changes.' }),
    root: cid('The content, CIDv1.'),
    dag: Type.Object(
      { blocks: size('Blocks, each counted once.'), bytes: size('Bytes of them, each counted once.') },
      { ...strict, description: 'What the whole DAG has. A verifier checks it where all blocks are proven.' },
    ),
    shard: Type.Union(
      [
        Type.Null(),
        Type.Object(
          {
            cid: cid('CAR CID.'),
            offset: size('Where the section begins.'),
            length: size('Of the section.'),
          },
          strict,
        ),
      ],
      { description: "Where the root's block lies in a CAR of this server. A hint: only who has all of that CAR can check it." },
    ),
    places: Type.Array(Place, { minItems: 1, maxItems: 64 }),
    checksum: bytes(
      'sha2-256 of the document without this key, as JSON without white space, keys in the order of this schema. It finds damage; it does not make lies true.',
    ),
  },
  {
    ...strict,
    title: 'Proof',
    description:
      'Shows where the bytes of a content lie in pieces for Filecoin, to anybody who has the bytes. Blocks are counted from 0 in the order of a walk: from the root, a block before what it links to, links in their order, each block only where it is met first; blocks inside identity CIDs do not count.',
  },
)
export type Proof = Type.Static<typeof Proof>
