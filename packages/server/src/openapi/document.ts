import swagger from '@fastify/swagger'
import type { FastifyInstance } from 'fastify'
import type { Config } from '../config.ts'
import type { BuildInfo } from '../status/version.ts'
import { documentRules } from './rules.ts'
import { shareSchemas } from './share-schemas.ts'
import type { OpenApiDocument } from './types.ts'

const introduction = `Store NFT data, get it back by its CID, and check what is promised about it. The native API is that of nft.storage: its clients work here unchanged.

Every answer is JSON: \`{ "ok": true, "value": … }\`, or \`{ "ok": false, "error": { "code", "message" } }\` where \`code\` is a word to branch on and \`message\` a sentence to read. Dates are RFC 3339, sizes are bytes. Paths may end in a slash. Pages of any origin may call.

On a host name that begins with \`api.\` the paths below work without \`/api\` too.`

const tags = [
  { name: 'uploads', description: 'Store, list, check and remove.' },
  {
    name: 'pinning',
    description:
      'The IPFS Pinning Service API 1.0.0: have content fetched from the network by its CID, and kept. For `ipfs pin remote` and other clients of it, the address of the service is `/api` of this server. Failures have the shape `{ "error": { "reason", "details" } }`.',
  },
  { name: 'proofs', description: 'Check where a content is kept, without trusting this server.' },
  {
    name: 'storage providers',
    description:
      'The portal where storage providers of Filecoin take pieces by themselves, as Spade had it. Every answer has the same envelope; a refusal is a 403 that names every reason. `docs/storage-providers.md` has the whole of it.',
  },
  { name: 'keys', description: 'The API keys of your account.' },
  { name: 'users', description: 'Your account: what it may do, and who may upload on its behalf (UCANs).' },
  {
    name: 'account',
    description: 'Signing in, and your account. For the pages of the website: a session is needed, a key does not do.',
  },
  { name: 'admin', description: 'For administrators, with a session.' },
  { name: 'service', description: 'About this server.' },
]

const securitySchemes = {
  apiKey: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'An API key: `Authorization: Bearer KEY`.' },
  ucan: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: 'A UCAN whose audience is the DID of this service and whose proofs lead to a root token it issued.',
  },
  agentDid: { type: 'apiKey', in: 'header', name: 'x-agent-did', description: 'The DID that issued the UCAN.' },
  session: {
    type: 'apiKey',
    in: 'cookie',
    name: 'keepsake-session',
    description:
      'Set by signing in; over https it is called `__Host-keepsake-session`. Accepted from pages of the website only: calls that change something need the header `X-Keepsake-CSRF: 1`.',
  },
  spid: {
    type: 'http',
    scheme: 'FIL-SPID-V0',
    description:
      'A storage provider shows who it is: `FIL-SPID-V0 <epoch>;<f0 address>;<signature>[;<argument>]`. The worker key of the provider signs three spaces, the randomness of the epoch (StateGetBeaconEntry) and the argument; signature and argument are in base64. Good for that epoch and the three after it.',
  },
  metaplex: {
    type: 'apiKey',
    in: 'header',
    name: 'x-web3auth',
    description: '`Metaplex JWT`: a JWT signed with a Solana key, good for one root CID.',
  },
} as const

/** Collects the schemas of all routes registered after this one that have a tag. */
export async function collectRoutes(
  app: FastifyInstance,
  { config, build }: { config: Config; build: BuildInfo },
): Promise<void> {
  await app.register(swagger, {
    mode: 'dynamic',
    hideUntagged: true,
    stripBasePath: false,
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Keepsake',
        version: build.version,
        description: introduction,
        license: { name: 'MIT', identifier: 'MIT' },
      },
      servers: [{ url: config.PUBLIC_URL }],
      tags,
      components: { securitySchemes },
    },
    transform: ({ schema, url, route }) => ({ schema: schema && documentRules({ schema, route }), url }),
    transformObject: (made) => shareSchemas(('openapiObject' in made ? made.openapiObject : {}) as OpenApiDocument) as object,
  })
}

/** The description of this server's HTTP API (OpenAPI 3.1). The app must be ready. */
export function openApiDocument(app: FastifyInstance): OpenApiDocument {
  return app.swagger() as unknown as OpenApiDocument
}
