import type { RetrievalHistory } from '@keepsake/api/retrievals.ts'
import type { StorageProvider } from '@keepsake/api/storage-providers.ts'
import type { ReactNode } from 'react'
import { Link } from 'wouter'
import { providerPath } from '../site/paths.ts'
import { formatBytes, formatCount } from '../ui/format.ts'
import { WideTable } from '../ui/wide-table.tsx'
import { RetrievalPlot } from './retrieval-plot.tsx'
import { StandingTag } from './retrieval-summary.tsx'

const onTheirWay = ['reserved', 'proposed', 'delivered', 'published']
const lost = ['terminated', 'failed']

export function countDeals({ deals }: StorageProvider, states: 'active' | 'under way' | 'lost'): number {
  const counted = { active: ['active'], 'under way': onTheirWay, lost }[states]
  return deals.reduce((sum, one) => sum + (counted.includes(one.state) ? one.deals : 0), 0)
}

interface Props {
  providers: readonly StorageProvider[]
  /** For the operator: how each gave back what it holds, over time. */
  histories?: ReadonlyMap<string, RetrievalHistory> | undefined
  /** What stands at the end of a row. */
  actions?: ((provider: StorageProvider) => ReactNode) | undefined
}

/** Who holds what, and whether they give it back. */
export function HoldingsTable({ providers, histories, actions }: Props) {
  return (
    <WideTable className="holdings" label="Who holds what">
      <table>
        <thead>
          <tr>
            <th scope="col">Provider</th>
            <th scope="col">Gives it back</th>
            <th scope="col">In sectors</th>
            <th scope="col">On its way</th>
            <th scope="col">Overdue</th>
            <th scope="col">Lost</th>
            <th scope="col">Place</th>
            {actions && (
              <th scope="col">
                <span className="visually-hidden">Actions</span>
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {providers.map((provider) => (
            <Row key={provider.provider} provider={provider} history={histories?.get(provider.provider)} actions={actions} />
          ))}
        </tbody>
      </table>
    </WideTable>
  )
}

function Row({
  provider,
  history,
  actions,
}: { provider: StorageProvider; history: RetrievalHistory | undefined } & Pick<Props, 'actions'>) {
  const active = provider.deals.find(({ state }) => state === 'active')
  return (
    <tr>
      <th scope="row">
        <Link href={providerPath(provider.provider)}>
          <strong>{provider.provider}</strong>
        </Link>
        <span className="field-hint">{provider.name || provider.organisation}</span>
        {provider.state === 'suspended' && <span className="holdings-bad">suspended</span>}
      </th>
      <td>
        <StandingTag retrievals={provider.retrievals} />
        {history && history.steps.length > 0 && <RetrievalPlot history={history} provider={provider.provider} />}
      </td>
      <td>{active ? `${formatCount(active.deals)} (${formatBytes(active.bytes)})` : 'nothing yet'}</td>
      <td>{formatCount(countDeals(provider, 'under way'))}</td>
      <td className={provider.overdue > 0 ? 'holdings-bad' : undefined}>{formatCount(provider.overdue)}</td>
      <td>{formatCount(countDeals(provider, 'lost'))}</td>
      <td>
        {provider.city}, {provider.country}
      </td>
      {actions && <td>{actions(provider)}</td>}
    </tr>
  )
}
