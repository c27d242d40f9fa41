import type { NamedProvider } from '@keepsake/api/providers.ts'
import type { RoutedProvider } from '@keepsake/client/providers.ts'
import { plain } from '@keepsake/terminal/text.ts'
import { formatFields } from '../show-upload.ts'
import type { Diagnosis, Findings } from './diagnose.ts'
import type { Trial } from './try-address.ts'

/** Providers shown of one source; `--json` has all. */
const maxShown = 10
const maxAddresses = 3

/** Everything that was found out, for a person. */
export function describeFindings(findings: Findings, { problems, isFindable }: Diagnosis): string {
  const { ownRouter, dht, routers, askedRouters, trials } = findings
  const sections = [
    formatFields([['CID', findings.cid], ...standing(findings)]),
    section(`This server as a router (${ownRouter.url}/routing/v1)`, ownRouter.error, listed(ownRouter.providers)),
    section(`The DHT, asked for ${(dht.durationMs / 1000).toFixed(1)} s`, dht.error, listed(dht.providers)),
    ...routers.map(({ url, error, providers }) => section(`Router ${url}, asked by the server`, error, listed(providers))),
    ...askedRouters.map(({ url, error, providers }) => section(`Router ${url}`, error, listed(providers))),
    ...(trials.length > 0 ? [section('Addresses of this server, tried from here', undefined, trials.map(trialLine))] : []),
    problems.length > 0
      ? ['What stands in the way', ...problems.map((problem) => `  - ${plain(problem)}`)].join('\n')
      : isFindable
        ? 'It can be found, and fetched.'
        : '',
  ]
  return sections.filter((text) => text !== '').join('\n\n')
}

function standing({ isHere, content, announcement, peer }: Findings): [string, string][] {
  const here = !isHere
    ? 'no'
    : content === 'complete'
      ? 'yes, all of it'
      : content === 'incomplete'
        ? 'in part: blocks are missing'
        : 'yes, as a block inside something else'
  const rows: [string, string][] = [['Held here', here]]
  if (announcement) {
    const { announcedAt, peers, dueAt, state } = announcement
    const told = announcedAt ? `${announcedAt}, ${peers} ${peers === 1 ? 'peer' : 'peers'} took the record` : 'not yet'
    const next = dueAt === undefined ? '' : new Date(dueAt) > new Date() ? `; again at ${dueAt}` : '; it waits for its turn'
    rows.push(['Announced', state === 'stopped' ? `${told}; not any more, since nobody holds it` : `${told}${next}`])
  }
  rows.push([
    'Peer',
    peer ? `${peer.id}, which knows ${peer.dhtPeers} ${peer.dhtPeers === 1 ? 'peer' : 'peers'} of the DHT` : 'not running',
  ])
  return rows
}

function section(title: string, error: string | undefined, lines: readonly string[]): string {
  const shown = lines.length > 0 ? lines : [error === undefined ? 'nobody' : '']
  return [title, ...shown, ...(error === undefined ? [] : [`could not be asked: ${error}`])]
    .filter((line) => line !== '')
    .map((line, index) => (index === 0 ? plain(line) : `  ${plain(line)}`))
    .join('\n')
}

function listed(providers: readonly (NamedProvider | RoutedProvider)[]): string[] {
  const lines = providers.slice(0, maxShown).flatMap((provider) => {
    const isOurs = 'isOurs' in provider && provider.isOurs
    const named = 'namedBy' in provider && provider.namedBy > 1 ? `, named by ${provider.namedBy} peers` : ''
    const protocols = provider.protocols?.length
      ? ` (${provider.protocols.map((name) => name.replace('transport-', '')).join(', ')})`
      : ''
    const more = provider.addrs.length > maxAddresses ? [`    and ${provider.addrs.length - maxAddresses} more addresses`] : []
    return [
      `${provider.id || 'a gateway'}${protocols}${isOurs ? ', this server' : ''}${named}`,
      ...provider.addrs.slice(0, maxAddresses).map((address) => `    ${address}`),
      ...more,
    ]
  })
  return providers.length > maxShown ? [...lines, `and ${providers.length - maxShown} more`] : lines
}

const marks: Record<Trial['result'], string> = {
  answers: 'ok      ',
  silent: 'FAILED  ',
  private: 'private ',
  untried: 'untried ',
}

function trialLine({ address, result, detail }: Trial): string {
  return `${marks[result]} ${address}: ${detail}`
}
