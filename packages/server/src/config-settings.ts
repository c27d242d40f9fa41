import { dealSettings } from './config-deals.ts'
import { pinSettings } from './config-pins.ts'
import { providerSettings } from './config-providers.ts'
import { choice, integer, list, nodes, optionalInteger, text, url } from './config-setting.ts'

const GiB = 1024 ** 3
const MiB = 1024 ** 2

export const settings = {
  PORT: integer(0, 65535, {
    section: 'Network',
    description: 'TCP port of every HTTP face. 0 takes any free one.',
    initial: 8787,
  }),
  HOST: text<string>('a host name or address', {
    section: 'Network',
    description: 'Address to listen on. Loopback unless set: a server that others can reach is a decision, not an accident.',
    initial: '127.0.0.1',
  }),
  PUBLIC_URL: url(['http:', 'https:'], {
    section: 'Network',
    description: 'The address people use, as written in answers and documents.',
    initial: undefined,
    initialText: '`http://localhost:PORT`',
  }),
  GATEWAY_HOST: text<string | undefined>('a host name', {
    section: 'Network',
    description: 'Host name of the gateway. Content is then served from `<cid>.ipfs.GATEWAY_HOST`, each CID its own origin.',
    initial: undefined,
  }),
  DNSLINK_HOSTS: list('host names', {
    section: 'Network',
    description:
      'Domains whose DNSLink is served at their own address, when they lead to this server: `docs.example.org`, `*.example.org`, or `*` for all that are not the names of this server itself (then set `PUBLIC_URL`).',
    initial: [],
    initialText: 'none',
  }),
  DNSLINKS: list('like `example.org=/ipfs/bafy…`', {
    section: 'Network',
    description: 'DNSLinks known here and not looked up in the DNS, for private networks and tests.',
    initial: [],
    initialText: 'none',
  }),
  DNSLINK_RESOLVERS: list('`system`, addresses of DNS servers, or of DNS over HTTPS', {
    section: 'Network',
    description:
      'Whom to ask for DNSLinks: the `system`, DNS servers by IP address and port, or a DNS over HTTPS service. Domains may have their own: `eth=https://dns.eth.limo/dns-query,system`.',
    initial: ['system'],
    initialText: '`system`',
  }),
  TRUST_PROXY: choice(['no', 'yes'], {
    section: 'Network',
    description: 'Believe `X-Forwarded-*` headers. Only behind a reverse proxy that sets them itself.',
    initial: 'no',
  }),
  ROLE: choice(['all', 'http', 'worker', 'peer'], {
    section: 'Process',
    description:
      'What this process does: answer requests (`http`), run jobs (`worker`), be the node of the IPFS network (`peer`), or everything, the peer in a process beside it. Many may share one database and one bucket.',
    initial: 'all',
  }),
  MAINTENANCE: choice(['rwc', 'rw-', 'r--', '---'], {
    section: 'Process',
    description: 'What is allowed: `r`ead, `w`rite (keys, deletes, renames), `c`reate (uploads). What is not answers 503.',
    initial: 'rwc',
  }),
  LOG_LEVEL: choice(['silent', 'error', 'warn', 'info', 'debug'], {
    section: 'Process',
    description: 'How much is logged.',
    initial: 'info',
  }),
  DATA_DIR: text<string>('a folder', {
    section: 'Storage',
    description: 'Folder of everything this server keeps: the embedded database, the shards, the secret that signs keys.',
    initial: './data',
  }),
  DATABASE_URL: url(['postgres:', 'postgresql:'], {
    section: 'Storage',
    description: 'Your PostgreSQL (15 or newer, with pg_trgm). Without it an embedded one runs in `DATA_DIR`.',
    initial: undefined,
  }),
  DATABASE_MAX_CONNECTIONS: integer(4, 500, {
    section: 'Storage',
    description: 'Most connections this process opens to the database.',
    initial: 24,
  }),
  BLOBS: choice(['local', 's3'], {
    section: 'Storage',
    description: 'Where shards lie: files below `DATA_DIR`, or an S3-compatible store.',
    initial: 'local',
  }),
  S3_ENDPOINT: url(['http:', 'https:'], {
    section: 'Storage',
    description: 'Address of the S3-compatible store; AWS when left out.',
    initial: undefined,
  }),
  S3_BUCKET: text<string | undefined>('a bucket name', {
    section: 'Storage',
    description: 'Bucket of the shards. It must exist.',
    initial: undefined,
  }),
  S3_PREFIX: text<string>('a key prefix', { section: 'Storage', description: 'Put before every key.', initial: 'shards/' }),
  S3_REGION: text<string>('a region', { section: 'Storage', description: 'Region of the bucket.', initial: 'us-east-1' }),
  S3_ACCESS_KEY_ID: text<string | undefined>('an access key id', {
    section: 'Storage',
    description: 'Access key; the usual AWS sources when left out.',
    initial: undefined,
  }),
  S3_SECRET_ACCESS_KEY: text<string | undefined>('a secret', {
    section: 'Storage',
    description: 'Its secret.',
    initial: undefined,
    secret: true,
  }),
  S3_FORCE_PATH_STYLE: choice(['no', 'yes'], {
    section: 'Storage',
    description: 'Name the bucket in the path, as most S3-compatible stores want.',
    initial: 'yes',
  }),
  KEY_SECRET: {
    ...text<string | undefined>('at least 32 characters', {
      section: 'Accounts',
      description:
        'Signs API keys. Without it one is made and kept in `DATA_DIR`. Processes that share a database must share it.',
      initial: undefined,
      secret: true,
    }),
    parse: (t: string) => {
      if (t.length < 32) throw new Error('too short')
      return t
    },
  },
  METAPLEX_UPLOADS: choice(['auto', 'on', 'off'], {
    section: 'Accounts',
    description:
      'Accept `POST /metaplex/upload`, which needs no account: anybody with a Solana key may store. `auto` is on while only this machine can reach the server.',
    initial: 'auto',
  }),
  SIGN_UP: choice(['auto', 'open', 'invited', 'closed'], {
    section: 'Signing in',
    description:
      'Who may make an account by signing in for the first time: anybody (`open`), addresses an administrator invited (`invited`), nobody (`closed`). ' +
      '`auto` is `open` while only this machine can reach the server, else `invited`.',
    initial: 'auto',
  }),
  SMTP_URL: url(['smtp:', 'smtps:'], {
    section: 'Signing in',
    description:
      'Mail server, as in `smtps://user:password@mail.example.org`. Without one, sign-in links are written to the log.',
    initial: undefined,
    secret: true,
  }),
  MAIL_FROM: text<string | undefined>('a sender', {
    section: 'Signing in',
    description: 'Sender of mails, as in `Keepsake <keepsake@example.org>`.',
    initial: undefined,
  }),
  GITHUB_CLIENT_ID: text<string | undefined>('a client id', {
    section: 'Signing in',
    description: 'OAuth app at GitHub. Its callback address is `PUBLIC_URL/account/sign-in/github/callback`.',
    initial: undefined,
  }),
  GITHUB_CLIENT_SECRET: text<string | undefined>('a secret', {
    section: 'Signing in',
    description: 'Its secret.',
    initial: undefined,
    secret: true,
  }),
  GITHUB_URL: url(['http:', 'https:'], {
    section: 'Signing in',
    description: 'Where people confirm; your own for GitHub Enterprise.',
    initial: 'https://github.com',
  }),
  GITHUB_API_URL: url(['http:', 'https:'], {
    section: 'Signing in',
    description: 'Its API; `https://HOST/api/v3` for GitHub Enterprise.',
    initial: 'https://api.github.com',
  }),
  MAGIC_CLIENT_ID: text<string | undefined>('a client id', {
    section: 'Signing in',
    description: 'Client id of an application at Magic. With it, DID tokens that name it as their audience sign in.',
    initial: undefined,
  }),
  PEER: choice(['on', 'off'], {
    section: 'IPFS network',
    description:
      'Whether `ROLE=all` also starts the peer, a process of its own that serves what is stored here to the IPFS network and reads from it.',
    initial: 'on',
  }),
  PEER_TCP_PORT: integer(0, 65535, {
    section: 'IPFS network',
    description: 'TCP port of the peer; open it to the world. 0 takes any free one.',
    initial: 4001,
  }),
  PEER_WS_PORT: integer(0, 65535, {
    section: 'IPFS network',
    description: 'WebSocket port of the peer. 0 takes any free one.',
    initial: 4002,
  }),
  PEER_HOST: list('IP addresses', {
    section: 'IPFS network',
    description: 'Addresses the peer listens on; `::` for IPv6. All of IPv4 unless set: it is there to be reached.',
    initial: ['0.0.0.0'],
    initialText: '`0.0.0.0`',
  }),
  PEER_ANNOUNCE_ADDRESSES: list('multiaddrs', {
    section: 'IPFS network',
    description:
      'Multiaddrs under which others reach the peer, as in `/dns4/peer.example.org/tcp/4001`. Without them it announces what it learns about itself.',
    initial: [],
    initialText: 'none',
  }),
  PEER_BOOTSTRAP: list('`public`, `none`, or multiaddrs that end in `/p2p/` and a peer id', {
    section: 'IPFS network',
    description:
      'Peers to meet first: `public` is the list of the public IPFS network; `none` waits to be found; or multiaddrs of your own, for a private network.',
    initial: ['public'],
    initialText: '`public`',
  }),
  PEER_SWARM_KEY_FILE: text<string | undefined>('a file', {
    section: 'IPFS network',
    description: 'Swarm key (`swarm.key` of Kubo). Only peers that have the same can be spoken to.',
    initial: undefined,
  }),
  PEER_DHT: choice(['auto', 'server', 'client', 'off'], {
    section: 'IPFS network',
    description:
      'Part in the DHT: answer others (`server`), only ask (`client`), or answer once others can reach the peer (`auto`).',
    initial: 'auto',
  }),
  PEER_CONTROL_HOST: text<string>('an address', {
    section: 'IPFS network',
    description: 'Address on which the peer answers the other processes. Loopback unless they run on other machines.',
    initial: '127.0.0.1',
  }),
  DELEGATED_ROUTERS: list('addresses that begin with https:// or http://, or `none`', {
    section: 'IPFS network',
    description: 'Delegated Routing V1 servers to ask for providers and names beside the DHT; `none` asks no one.',
    initial: ['https://delegated-ipfs.dev'],
    initialText: '`https://delegated-ipfs.dev`',
  }),
  ALLOW_PRIVATE_ADDRESSES: choice(['no', 'yes'], {
    section: 'IPFS network',
    description:
      'Reach private and loopback addresses when users or peers name them. For tests, and for networks that are private as a whole.',
    initial: 'no',
  }),
  ANNOUNCE: choice(['roots', 'entries', 'off'], {
    section: 'IPFS network',
    description:
      'What the DHT is told of: the CID of every upload and pin (`roots`), with the entries of directories and what metadata names too (`entries`), or nothing. ' +
      'Delegated routing answers for every block in any case.',
    initial: 'roots',
  }),
  ANNOUNCE_PER_MINUTE: integer(1, 10_000, {
    section: 'IPFS network',
    description:
      'Most CIDs the DHT is told of in a minute. Each takes about 0.2 seconds of a processor, and has to be told again every 22 hours: ' +
      '120 are enough for 158,000 CIDs and take about 40 % of a core while there are CIDs waiting.',
    initial: 120,
  }),
  AGGREGATE_PROFILE: choice(['trial', 'pdp-1gib', 'sector-32gib', 'off'], {
    section: 'Filecoin',
    description:
      'Numbers by which uploads are packed into aggregates (docs/aggregates.md): `trial` packs within a minute, `pdp-1gib` fills pieces of 1 GiB, ' +
      '`sector-32gib` those of 32 GiB with the numbers of 2021, `off` packs nothing. The settings below replace single ones.',
    initial: 'trial',
  }),
  AGGREGATE_LAYOUT: choice(['unixfs-2021', 'segments'], {
    section: 'Filecoin',
    description:
      'How new aggregates are laid out: one CAR with a directory of everything in it, or whole CARs side by side with an index (FRC-0058).',
    initial: 'unixfs-2021',
  }),
  AGGREGATE_TARGET_BYTES: optionalInteger(64 * 1024, 64 * GiB, {
    section: 'Filecoin',
    description: 'Bytes an aggregate is filled to. What is larger is split over several.',
    initial: undefined,
    initialText: 'from the profile',
  }),
  AGGREGATE_MIN_BYTES: optionalInteger(0, 64 * GiB, {
    section: 'Filecoin',
    description: 'An aggregate that holds less is not closed for being full, only when its oldest item has waited too long.',
    initial: undefined,
    initialText: 'from the profile',
  }),
  AGGREGATE_SETTLE_SECONDS: optionalInteger(0, 7 * 86_400, {
    section: 'Filecoin',
    description: 'How long an upload is left alone after it is complete: what is deleted by then is not packed.',
    initial: undefined,
    initialText: 'from the profile',
  }),
  AGGREGATE_FORCE_SECONDS: optionalInteger(0, 30 * 86_400, {
    section: 'Filecoin',
    description: 'The longest an upload waits for its aggregate to fill; then that is built as it is.',
    initial: undefined,
    initialText: 'from the profile',
  }),
  PIECE_DOWNLOADS: choice(['open', 'signed'], {
    section: 'Filecoin',
    description:
      'Who may download pieces at `/piece/`: anybody who knows a piece CID (`open`), or whoever has a link made by `npx keepsake pieces link` (`signed`).',
    initial: 'open',
  }),
  FILECOIN_RPC: nodes(['devnet', 'off'], {
    section: 'Filecoin',
    description:
      'The Filecoin network: addresses of nodes that speak the JSON-RPC of Lotus, as in `https://node.example.org/rpc/v1`, the preferred one first; ' +
      '`devnet` for a simulated one that `ROLE=all` starts beside it; or `off`, and aggregates stay here.',
    initial: 'devnet',
  }),
  FILECOIN_RPC_TOKEN: {
    ...list('tokens in the order of `FILECOIN_RPC`', {
      section: 'Filecoin',
      description:
        'What to show the nodes of `FILECOIN_RPC`, one each in their order (`Authorization: Bearer`). Reading needs none.',
      initial: [],
      initialText: 'none',
    }),
    secret: true,
  },
  CHAIN_LOOKBACK: optionalInteger(0, 900, {
    section: 'Filecoin',
    description:
      'Epochs behind the head of the chain at which it is read. What happened is shown that much later, and reorganisations that are shorter are never seen.',
    initial: undefined,
    initialText: '10; 1 on the devnet',
  }),
  RETRIEVAL_CHECK_MINUTES: optionalInteger(0, 10_080, {
    section: 'Filecoin',
    description:
      'How often each storage provider has to give some of what it stores back, as a stranger would ask for it; 0 never asks. What comes is checked, and makes its standing.',
    initial: undefined,
    initialText: '10; 1 on the devnet',
  }),
  ...providerSettings,
  ...dealSettings,
  ...pinSettings,
  MAX_UPLOAD_BYTES: integer(1, 64 * 1024 * GiB, {
    section: 'Limits',
    description: 'Largest request body of an upload.',
    initial: 31 * GiB,
    initialText: '33285996544 (31 GiB)',
  }),
  MAX_BLOCK_BYTES: integer(1024, 4 * MiB, {
    section: 'Limits',
    description: 'Largest block of an uploaded CAR. IPFS nodes do not exchange blocks over 2 MiB.',
    initial: 2 * MiB,
    initialText: '2097152 (2 MiB)',
  }),
  MAX_FILES_PER_UPLOAD: integer(1, 10_000_000, {
    section: 'Limits',
    description: 'Most files in one multipart upload.',
    initial: 1_000_000,
  }),
  MAX_METADATA_BYTES: integer(1024, 64 * MiB, {
    section: 'Limits',
    description: 'Largest `meta` of `POST /store`, and largest JSON body.',
    initial: MiB,
    initialText: '1048576 (1 MiB)',
  }),
  UPLOAD_IDLE_TIMEOUT_MS: integer(1000, 3_600_000, {
    section: 'Limits',
    description: 'An upload that sends no byte for this long is ended with 408.',
    initial: 120_000,
  }),
  RATE_LIMIT_REQUESTS: integer(0, 1_000_000, {
    section: 'Limits',
    description:
      'Requests an API key may make in `RATE_LIMIT_WINDOW_MS`; over that 429 with `Retry-After`. 0 is no limit. The original had 30.',
    initial: 0,
  }),
  RATE_LIMIT_WINDOW_MS: integer(100, 3_600_000, {
    section: 'Limits',
    description: 'See `RATE_LIMIT_REQUESTS`.',
    initial: 10_000,
  }),
  PIN_MAX_BYTES: integer(1, 64 * 1024 * GiB, {
    section: 'Pins by CID',
    description: 'Most bytes a DAG may have that is fetched for a pin by CID.',
    initial: 31 * GiB,
    initialText: '33285996544 (31 GiB)',
  }),
  PIN_MAX_BLOCKS: integer(1, 100_000_000, {
    section: 'Pins by CID',
    description:
      'Most blocks such a DAG may have. Remembering which were seen takes 34 to 68 MB for a million; what is fetched and not written yet comes on top.',
    initial: 2_000_000,
  }),
  PIN_FETCHES: integer(1, 256, {
    section: 'Pins by CID',
    description: 'DAGs fetched at the same time.',
    initial: 16,
  }),
  PIN_FETCHES_PER_USER: integer(1, 256, {
    section: 'Pins by CID',
    description: 'Of them, most for one account; what comes after waits.',
    initial: 4,
  }),
  PIN_BLOCK_TIMEOUT_MS: integer(100, 3_600_000, {
    section: 'Pins by CID',
    description: 'How long to wait for a block before the attempt is broken off, and tried again later.',
    initial: 70_000,
  }),
  PIN_GIVE_UP_MINUTES: integer(1, 525_600, {
    section: 'Pins by CID',
    description: 'How long to try to fetch a DAG before the pin has failed.',
    initial: 24 * 60,
    initialText: '1440 (a day)',
  }),
  DELETE_GRACE_HOURS: integer(0, 87_600, {
    section: 'Limits',
    description: 'How long content that nobody holds any more is kept before its shards are deleted.',
    initial: 30 * 24,
    initialText: '720 (30 days)',
  }),
}
