import type { StorageProvider } from '@keepsake/api/storage-providers.ts'
import type { ReactNode } from 'react'
import { formatBytes, formatCount } from '../ui/format.ts'

const onTheirWay = ['reserved', 'proposed', 'delivered', 'published']
const lost = ['terminated', 'failed']

function countOf({ deals }: StorageProvider, states: readonly string[]): number {
  return deals.reduce((sum, one) => sum + (states.includes(one.state) ? one.deals : 0), 0)
}

interface Props {
  providers: readonly StorageProvider[]
  /** What stands at the end of a row. */
  actions: (provider: StorageProvider) => ReactNode
}

/** Who holds what. */
export function HoldingsTable({ providers, actions }: Props) {
  return (
    <div className="holdings">
      <table>
        <thead>
          <tr>
            <th scope="col">Provider</th>
            <th scope="col">Place</th>
            <th scope="col">In sectors</th>
            <th scope="col">On its way</th>
            <th scope="col">Overdue</th>
            <th scope="col">Lost</th>
            <th scope="col">
              <span className="visually-hidden">More</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {providers.map((provider) => {
            const active = provider.deals.find(({ state }) => state === 'active')
            return (
              <tr key={provider.provider}>
                <th scope="row">
                  <strong>{provider.provider}</strong>
                  <span className="field-hint">{provider.name || provider.organisation}</span>
                  {provider.state === 'suspended' && <span className="holdings-bad">suspended</span>}
                </th>
                <td>
                  {provider.city}, {provider.country}
                </td>
                <td>{active ? `${formatCount(active.deals)} (${formatBytes(active.bytes)})` : 'nothing yet'}</td>
                <td>{formatCount(countOf(provider, onTheirWay))}</td>
                <td className={provider.overdue > 0 ? 'holdings-bad' : undefined}>{formatCount(provider.overdue)}</td>
                <td>{formatCount(countOf(provider, lost))}</td>
                <td>{actions(provider)}</td>
              </tr>
            )
          })}
        </tbody>
      </table>
    </div>
  )
}
