import type { CID } from 'multiformats/cid'
import type { BlobStore } from '../blobs/blobs.ts'
import type { Blocks } from '../blocks/blocks.ts'
import type { Config } from '../config.ts'
import type { Db } from '../database/database.ts'
import type { BackendName, PinBackend } from './backend.ts'
import { caller } from './calls/call.ts'
import { callBudget } from './calls/call-budget.ts'
import { clusterBackend } from './cluster/cluster-backend.ts'
import { dagOf } from './dag-car.ts'
import { embeddedBackend } from './embedded-backend.ts'
import { kuboBackend } from './kubo/kubo-backend.ts'
import { pinataBackend } from './pinata/pinata-backend.ts'
import { psaBackend } from './psa/psa-backend.ts'

interface Components {
  config: Config
  database: Db
  blobs: BlobStore
  blocks: Blocks
  /** Multiaddrs at which our peer can be fetched from. */
  peerAddresses(): Promise<string[]>
}

/** The configured backends, in the order of `PIN_BACKENDS`: the first is the primary one. Nothing is connected to yet. */
export function openPinBackends(components: Components): PinBackend[] {
  return components.config.PIN_BACKENDS.map((name) => open(name, components))
}

const basic = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

function open(name: BackendName, { config, database, blobs, blocks, peerAddresses }: Components): PinBackend {
  const budget = callBudget(config.PIN_CALLS_PER_MINUTE)
  const callWith = (authorization?: string) =>
    caller({ idleTimeoutMs: config.PIN_IDLE_TIMEOUT_MS, ...(authorization !== undefined && { headers: { authorization } }) })
  switch (name) {
    case 'embedded':
      return embeddedBackend({ database, blobs, carOf: (root: CID, signal) => dagOf(blocks, root).car({ signal }) })
    case 'cluster': {
      const { CLUSTER_URLS, CLUSTER_USER: user, CLUSTER_PASSWORD: password = '', CLUSTER_TOKEN: token } = config
      const authorization = token ? `Bearer ${token}` : user ? basic(user, password) : undefined
      const urls = CLUSTER_URLS.map((url) => new URL(url))
      return clusterBackend({ urls, call: callWith(authorization), budget, copies: config.CLUSTER_COPIES })
    }
    case 'pinata': {
      const url = new URL(config.PINATA_URL as string)
      return pinataBackend(config.PINATA_API, {
        url,
        call: callWith(`Bearer ${config.PINATA_JWT}`),
        budget,
        origins: peerAddresses,
      })
    }
    case 'psa': {
      const url = new URL(config.PSA_URL as string)
      return psaBackend({ name, url, call: callWith(`Bearer ${config.PSA_TOKEN}`), budget, origins: peerAddresses })
    }
    case 'kubo':
      return kuboBackend({
        url: new URL(config.KUBO_RPC_URL as string),
        call: callWith(kuboAuthorization(config.KUBO_RPC_AUTH)),
        budget,
      })
  }
}

function kuboAuthorization(setting: string | undefined): string | undefined {
  if (setting === undefined) return undefined
  const [kind, first = '', ...rest] = setting.split(':')
  return kind === 'bearer' ? `Bearer ${[first, ...rest].join(':')}` : basic(first, rest.join(':'))
}
