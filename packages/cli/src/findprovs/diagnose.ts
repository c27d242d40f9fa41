import type { ProviderReport } from '@keepsake/api/providers.ts'
import type { RoutedProvider } from '@keepsake/client/providers.ts'
import type { Trial } from './try-address.ts'

/** A router that was asked from this machine. */
export interface AskedRouter {
  url: string
  providers: RoutedProvider[]
  error?: string
}

/** Everything that was found out. */
export interface Findings extends ProviderReport {
  /** The server's own router. */
  ownRouter: AskedRouter
  /** Those named on the command line. */
  askedRouters: AskedRouter[]
  /** Addresses of this server, tried from here. */
  trials: Trial[]
}

export interface Diagnosis {
  /** Somebody who asks the network is led to somebody who has it; where it is held here: to this server, at an address that answers. */
  isFindable: boolean
  /** What stands in the way, each with what to do about it. */
  problems: string[]
}

/** Says what stands between a CID and those who look for it. */
export function diagnose(findings: Findings): Diagnosis {
  const { isHere, dht, routers, askedRouters, trials } = findings
  const others =
    [dht, ...routers].some(({ providers }) => providers.length > 0) || askedRouters.some(({ providers }) => providers.length > 0)
  if (!isHere) {
    const problem = others
      ? 'This server does not have it; others do. Pin it (the Pinning Service API) to have it fetched and kept here.'
      : 'This server does not have it, and nobody was found who does. Whoever had it may have stopped, or never told the network.'
    return { isFindable: others, problems: [problem] }
  }
  const isNamed = isOursNamed(findings)
  const answers = trials.some(({ result }) => result === 'answers')
  const problems = [
    ...contentProblems(findings),
    ...peerProblems(findings),
    ...recordProblems(findings, isNamed),
    ...addressProblems(findings),
  ]
  return { isFindable: isNamed && answers, problems }
}

function isOursNamed({ dht, routers, askedRouters, ownRouter }: Findings): boolean {
  const ids = new Set(ownRouter.providers.map(({ id }) => id))
  const found = [dht, ...routers, ...askedRouters]
  return found.some(({ providers }) =>
    providers.some((provider) => ids.has(provider.id) || ('isOurs' in provider && provider.isOurs)),
  )
}

function contentProblems({ content, announcement }: Findings): string[] {
  if (content === 'incomplete')
    return ['Not all of it is here: blocks are missing, so it is not announced. `npx keepsake status CID` says which.']
  if (announcement?.state === 'stopped') return ['It was deleted here, or its pin was: it is not announced any more.']
  return []
}

function peerProblems({ peer, announcing, dht }: Findings): string[] {
  if (announcing === 'off') return ['This server tells the DHT of nothing: ANNOUNCE=off.']
  if (!peer)
    return ['The peer of this server is not running (PEER=off, or it cannot start: see the log), so the DHT is told of nothing.']
  if (peer.dhtPeers === 0)
    return [
      'The peer knows nobody in the DHT. Does PEER_BOOTSTRAP name peers, and may this machine connect to the internet on TCP port 4001?',
    ]
  return dht.error ? [`The DHT could not be asked: ${dht.error}`] : []
}

function recordProblems({ announcement, announcing, content, peer, dht }: Findings, isNamed: boolean): string[] {
  if (isNamed || announcing === 'off' || !peer || content === 'incomplete' || announcement?.state === 'stopped') return []
  if (!announcement) {
    const hint = announcing === 'roots' ? ' Entries of directories are, with ANNOUNCE=entries.' : ''
    return [`It is a block inside something else, and not announced by itself; people find it by the root it belongs to.${hint}`]
  }
  if (announcement.failures > 0)
    return [
      `Announcing it failed ${announcement.failures === 1 ? 'once' : `${announcement.failures} times`}: ${announcement.reason ?? 'no reason is known'}`,
    ]
  if (announcement.state === 'queued')
    return ['It waits in the queue to be announced. `npx keepsake announcements` says how long that is.']
  if (announcement.state === 'overdue')
    return [
      'It should have been announced again by now: peers may have forgotten it. `npx keepsake announcements` shows the queue.',
    ]
  return dht.error
    ? []
    : ['It was announced, but nobody who was asked now has the record. Records take a moment to be found; ask again in a minute.']
}

function addressProblems({ trials }: Findings): string[] {
  if (trials.length === 0 || trials.some(({ result }) => result === 'answers')) return []
  if (trials.every(({ result }) => result === 'private'))
    return [
      'All addresses of this server are of this machine or its local network: nobody else can connect. Set PEER_ANNOUNCE_ADDRESSES to the public address, forward port 4001 to this machine, and set PUBLIC_URL.',
    ]
  return [
    'None of the addresses of this server answers from here: is port 4001 open in the firewall, and forwarded to this machine?',
  ]
}
