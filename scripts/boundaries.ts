// Which folder of the server may import which: the one table of it. `npm run docs` writes biome.boundaries.json from here; Biome enforces that.

/** Know nothing of what is built on them. */
const foundations = ['http', 'database', 'jobs', 'blobs', 'mail', 'network']

/** The flow, in order: a part imports only parts before it. */
const parts = [
  'accounts',
  'blocks',
  'uploads',
  'pins',
  'pin-requests',
  'announcements',
  'pieces',
  'aggregates',
  'chain',
  'providers',
  'deals',
  'proofs',
  'retrievals',
  'imports',
]

/** Read any part; nothing reads them. */
const faces = ['gateway', 'routing', 'peer', 'website', 'openapi', 'status', 'stats', 'operator', 'names', 's3', 'index']

interface Pattern {
  group: string[]
  message: string
}

function forbid(folders: readonly string[], message: string): Pattern {
  return { group: folders.flatMap((folder) => [`../${folder}/**`, `../../${folder}/**`]), message }
}

const storeIsPrivate: Pattern = {
  group: ['../*/store.ts', '../../*/store.ts', '../*/store/**'],
  message: "A part's store.ts is private to its folder: export what is needed from the part.",
}

function override(folders: readonly string[], patterns: Pattern[]) {
  return {
    includes: folders.map((folder) => `packages/server/src/${folder}/**`),
    linter: { rules: { style: { noRestrictedImports: { level: 'error', options: { patterns } } } } },
  }
}

/** The text of biome.boundaries.json. */
export function boundariesJson(): string {
  const laterMessage = 'A part imports only earlier parts of the flow; later ones are reached by a fact.'
  const overrides = [
    override(foundations, [forbid([...parts, ...faces], 'A foundation imports no part.')]),
    ...parts.map((part, index) =>
      override([part], [forbid([...parts.slice(index + 1), ...faces], laterMessage), storeIsPrivate]),
    ),
    override(faces, [storeIsPrivate]),
  ]
  return `${JSON.stringify({ $schema: './node_modules/@biomejs/biome/configuration_schema.json', overrides }, null, 2)}\n`
}
