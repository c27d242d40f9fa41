import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Authenticate } from './accounts/authenticate.ts'
import { authenticator } from './accounts/authenticate.ts'
import type { KeyTokens } from './accounts/key-token.ts'
import { keyTokens } from './accounts/key-token.ts'
import { deriveSecret, loadKeySecret } from './accounts/secret.ts'
import type { AggregateSteps } from './aggregates/steps.ts'
import { stepsAside } from './aggregates/steps-aside.ts'
import type { BlobStore } from './blobs/blobs.ts'
import { openBlobs } from './blobs/open.ts'
import type { Blocks } from './blocks/blocks.ts'
import { openBlocks } from './blocks/blocks.ts'
import type { Chain } from './chain/chain.ts'
import { openChain } from './chain/chain.ts'
import type { Config } from './config.ts'
import type { Database } from './database/database.ts'
import { openDatabase } from './database/database.ts'
import { openEmbedded, startEmbedded } from './database/embedded.ts'
import { migrate } from './database/migrate.ts'
import { openDataCap } from './deals/data-cap.ts'
import { dealFinder } from './deals/find-deals.ts'
import { dealRules } from './deals/rules.ts'
import type { Wallet } from './deals/wallet/wallet.ts'
import { openWallet } from './deals/wallet/wallet.ts'
import type { Facts } from './jobs/facts.ts'
import { facts } from './jobs/facts.ts'
import { migrateJobs } from './jobs/worker.ts'
import type { Mail } from './mail/mail.ts'
import { openMail } from './mail/mail.ts'
import { listPeerAddresses } from './network/peer-instances.ts'
import type { PeerControl } from './peer/control-client.ts'
import { openPeerControl } from './peer/control-client.ts'
import type { PinBackend } from './pins/backend.ts'
import { openPinBackends } from './pins/open-backends.ts'
import type { PinPolicy } from './pins/pins.ts'
import { pinPolicyOf } from './pins/pins.ts'
import { registerBackends } from './pins/registered.ts'
import { pipeline } from './pipeline.ts'
import type { Backing } from './providers/backing.ts'
import type { RetrievalRecords } from './providers/retrieval-records.ts'
import { retrievalRecords } from './retrievals/records.ts'
import type { FindDeals } from './uploads/deals.ts'

/** Everything the parts of one process share, made once, here, and handed to each part that needs it. */
export interface Service extends AsyncDisposable {
  config: Config
  log: Logger
  database: Database
  /** Where the database is, for processes this one starts. */
  databaseUrl: string
  blobs: BlobStore
  blocks: Blocks
  keyTokens: KeyTokens
  authenticate: Authenticate
  /** Seed of the Ed25519 key behind the service's DID. */
  didSeed: Uint8Array
  /** Makes the tokens in links that sign in. */
  signInSecret: Uint8Array
  /** Signs links to pieces. */
  pieceLinkSecret: Uint8Array
  /** Without a configured mail server there is none. */
  mail: Mail | undefined
  facts: Facts
  /** Builds and validates aggregates. */
  aggregateSteps: AggregateSteps
  /** What the peer and the other processes know each other by. */
  peerToken: string
  /** Asks the IPFS network, through the peer. */
  peerControl: PeerControl
  /** Undefined with `FILECOIN_RPC=off`. */
  chain: Chain | undefined
  findDeals: FindDeals
  /** How storage providers give back what they store. */
  retrievalRecords: RetrievalRecords
  /** Signs proposals of deals. */
  wallet: Wallet
  /** What is left to promise in deals. */
  backing: Backing
  /** Who keeps contents, the primary one first. */
  pinBackends: readonly PinBackend[]
  pinPolicy: PinPolicy
  pinConcurrency: number
  /** Resolves with the reason when the embedded database is lost for good; never with a database of your own. */
  lost: Promise<Error>
}

export interface ServiceOptions {
  config: Config
  log: Logger
  /** `server`: this process owns the data directory, a second one is refused. `beside`: a command that may run beside a server. */
  mode: 'server' | 'beside'
}

interface OpenedDatabase {
  url: string
  lost: Promise<Error>
  stop(): Promise<void>
}

/** The configured PostgreSQL, else the embedded one. */
async function locateDatabase({ config, log, mode }: ServiceOptions): Promise<OpenedDatabase> {
  const never = new Promise<Error>(() => {})
  if (config.DATABASE_URL) return { url: config.DATABASE_URL, lost: never, stop: async () => {} }
  if (mode === 'server') return await startEmbedded({ dataDir: config.DATA_DIR, logger: log })
  return { lost: never, ...(await openEmbedded(config.DATA_DIR, { logger: log })) }
}

function blobsConfig(config: Config): Parameters<typeof openBlobs>[0] {
  if (config.BLOBS === 'local') return { kind: 'local', directory: join(config.DATA_DIR, 'blobs') }
  const { S3_ACCESS_KEY_ID: accessKeyId, S3_SECRET_ACCESS_KEY: secretAccessKey } = config
  return {
    kind: 's3',
    bucket: config.S3_BUCKET as string,
    prefix: config.S3_PREFIX,
    region: config.S3_REGION,
    forcePathStyle: config.S3_FORCE_PATH_STYLE === 'yes',
    stagingDirectory: join(config.DATA_DIR, 'staging'),
    ...(config.S3_ENDPOINT && { endpoint: config.S3_ENDPOINT }),
    ...(accessKeyId && secretAccessKey && { credentials: { accessKeyId, secretAccessKey } }),
  }
}

function mailOf({ SMTP_URL: url, MAIL_FROM: from }: Config): Mail | undefined {
  return url && from ? openMail({ url, from }) : undefined
}

/**
 * Opens the database (migrated), the blobs and what stands on them. Whatever was opened is closed again when a later step fails.
 *
 * @throws KeepsakeError with a message for the operator
 */
export async function openService(options: ServiceOptions): Promise<Service> {
  const { config, log, mode } = options
  await using opening = new AsyncDisposableStack()
  const located = opening.adopt(await locateDatabase(options), (db) => db.stop())
  const database = opening.adopt(
    await openDatabase({ url: located.url, maxConnections: config.DATABASE_MAX_CONNECTIONS, logger: log }),
    (db) => db.close(),
  )
  await migrate(database.pool, { logger: log })
  await migrateJobs(database)
  const blobsAt = blobsConfig(config)
  const blobs = opening.adopt(await openBlobs(blobsAt, { logger: log }), (store) => store.close())
  const keySecret = await loadKeySecret(config.KEY_SECRET, config.DATA_DIR)
  const tokens = keyTokens(keySecret)
  const mail = opening.adopt(mailOf(config), (open) => open?.close())
  const peerToken = Buffer.from(deriveSecret(keySecret, 'peer-control')).toString('base64url')
  const blocks = openBlocks({ database, blobs })
  const recordsFacts = facts(pipeline)
  const pinBackends = openPinBackends({ config, database, blobs, blocks, peerAddresses: () => listPeerAddresses(database) })
  for (const backend of pinBackends) opening.use(backend)
  if (mode === 'server') await registerBackends(database, config.PIN_BACKENDS)
  const chain = openChain({ config, database })
  const wallet = openWallet({ database, walletSecret: deriveSecret(keySecret, 'wallet') })
  const opened = opening.move()
  return {
    config,
    log,
    database,
    databaseUrl: located.url,
    blobs,
    blocks,
    keyTokens: tokens,
    authenticate: authenticator({ database, keyTokens: tokens }),
    didSeed: deriveSecret(keySecret, 'did'),
    signInSecret: deriveSecret(keySecret, 'sign-in'),
    pieceLinkSecret: deriveSecret(keySecret, 'piece-link'),
    mail,
    facts: recordsFacts,
    aggregateSteps: stepsAside({ database, databaseUrl: located.url, blobs, blobsAt, facts: recordsFacts, log }),
    peerToken,
    peerControl: openPeerControl({ database, token: peerToken }),
    chain,
    findDeals: dealFinder({ database, isFollowed: config.FILECOIN_RPC !== 'off' }),
    retrievalRecords: retrievalRecords({ database }),
    wallet,
    backing: openDataCap({ chain, wallet, rules: dealRules(config) }),
    pinBackends,
    pinPolicy: pinPolicyOf(config),
    pinConcurrency: config.PIN_CONCURRENCY,
    lost: located.lost,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}
