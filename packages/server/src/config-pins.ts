import { choice, choices, integer, text, url, urls } from './config-setting.ts'

/** Who keeps contents beside this server, and how. */
export const pinSettings = {
  PIN_BACKENDS: choices(['embedded', 'cluster', 'pinata', 'psa', 'kubo'], {
    section: 'Pinning',
    description:
      'Who keeps every content, separated by commas. `pin` in answers is about the first, `pins` about all. `embedded` is this server itself and always among them; ' +
      '`cluster` an IPFS Cluster, `pinata` Pinata, `psa` any Pinning Service, `kubo` a Kubo node.',
    initial: ['embedded'],
    initialText: '`embedded`',
  }),
  CLUSTER_URLS: urls({
    section: 'Pinning',
    description:
      'REST API of each peer of the cluster, as in `http://10.0.0.1:9094,http://10.0.0.2:9094`. One that is away is passed over.',
    initial: [],
    initialText: '',
  }),
  CLUSTER_USER: text<string | undefined>('a user name', {
    section: 'Pinning',
    description: 'User of its Basic authentication.',
    initial: undefined,
  }),
  CLUSTER_PASSWORD: text<string | undefined>('a password', {
    section: 'Pinning',
    description: 'Password of that user.',
    initial: undefined,
    secret: true,
  }),
  CLUSTER_TOKEN: text<string | undefined>('a token', {
    section: 'Pinning',
    description: 'Sent as a bearer token instead: one that its `POST /token` gave.',
    initial: undefined,
    secret: true,
  }),
  CLUSTER_COPIES: integer(1, 1000, {
    section: 'Pinning',
    description:
      'How many cluster peers have to say that they pinned a content before it is called pinned. More than 1 is also asked of the cluster.',
    initial: 1,
  }),
  PINATA_JWT: text<string | undefined>('a JWT', {
    section: 'Pinning',
    description: 'Access token of the Pinata account.',
    initial: undefined,
    secret: true,
  }),
  PINATA_API: choice(['psa', 'hash', 'v3'], {
    section: 'Pinning',
    description:
      'How Pinata is asked to pin a CID: as a Pinning Service (`psa`), by `pinByHash` (`hash`), or by `pin_by_cid` of its third API (`v3`).',
    initial: 'psa',
  }),
  PINATA_URL: url(['http:', 'https:'], {
    section: 'Pinning',
    description: 'Where Pinata is.',
    initial: 'https://api.pinata.cloud',
  }),
  PSA_URL: url(['http:', 'https:'], {
    section: 'Pinning',
    description: 'Address of a Pinning Service, to which `/pins` is added.',
    initial: undefined,
  }),
  PSA_TOKEN: text<string | undefined>('a token', {
    section: 'Pinning',
    description: 'Its access token.',
    initial: undefined,
    secret: true,
  }),
  KUBO_RPC_URL: url(['http:', 'https:'], {
    section: 'Pinning',
    description:
      'RPC of a Kubo node, as in `http://127.0.0.1:5001`. Whoever reaches it owns the node: never across an open network.',
    initial: undefined,
  }),
  KUBO_RPC_AUTH: text<string | undefined>('bearer:TOKEN or basic:USER:PASSWORD', {
    section: 'Pinning',
    description: 'Credentials as in the `API.Authorizations` of Kubo: `bearer:TOKEN` or `basic:USER:PASSWORD`.',
    initial: undefined,
    secret: true,
  }),
  PIN_CONCURRENCY: integer(1, 64, {
    section: 'Pinning',
    description: 'Contents handed over to one backend at the same time.',
    initial: 4,
  }),
  PIN_CALLS_PER_MINUTE: integer(1, 100_000, {
    section: 'Pinning',
    description: 'Most calls a minute that ask one backend how far its pins are. What is left waits for the next minute.',
    initial: 150,
  }),
  PIN_IDLE_TIMEOUT_MS: integer(100, 3_600_000, {
    section: 'Pinning',
    description: 'A backend that is silent for this long during a call is away.',
    initial: 60_000,
  }),
  PIN_ATTEMPTS: integer(1, 1000, {
    section: 'Pinning',
    description: 'Attempts to pin a content at a backend before it is given up. `npx keepsake pins retry` begins anew.',
    initial: 12,
  }),
  PIN_RETRY_MIN_MS: integer(10, 86_400_000, {
    section: 'Pinning',
    description: 'Pause after the first failed attempt; it doubles with each.',
    initial: 30_000,
  }),
  PIN_RETRY_MAX_MS: integer(10, 7 * 86_400_000, {
    section: 'Pinning',
    description: 'Longest pause between attempts.',
    initial: 6 * 3_600_000,
    initialText: '21600000 (6 hours)',
  }),
  PIN_PATIENCE_HOURS: integer(1, 8760, {
    section: 'Pinning',
    description: 'A backend that has been pinning a content for longer has failed, and is asked again.',
    initial: 24,
  }),
}
