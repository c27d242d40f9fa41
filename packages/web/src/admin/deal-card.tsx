import type { Deal } from '@keepsake/api/deals.ts'
import { Link } from 'wouter'
import { paths, providerPath } from '../site/paths.ts'
import { formatBytes, formatCount } from '../ui/format.ts'
import { When } from '../ui/when.tsx'
import { DealActions } from './deal-actions.tsx'

function dealPath(id: number): string {
  return paths.adminDeal.replace(':id', String(id))
}

export function nameOf({ provider: { id, name } }: Deal): string {
  return name ? `${name} (${id})` : id
}

/** How a deal stands, in a word or two. */
export function standingOf({ state, proving, dueAt }: Deal): string {
  if (state === 'active') return proving ? `active, ${proving}` : 'active'
  return dueAt && Date.parse(dueAt) < Date.now() ? `${state}, overdue` : state
}

/** One deal: with whom, of what, how far it is, and why it is not further. */
export function DealCard({ deal, reload }: { deal: Deal; reload: () => void }) {
  const { id, state, aggregateId, items, pieceSizeBytes, chainDealId, reason, changedAt } = deal
  return (
    <li className={`deal deal-${state} ${deal.proving === 'faulty' ? 'deal-faulty' : ''}`}>
      <div className="deal-head">
        <Link href={dealPath(id)}>
          <strong>Deal {id}</strong>
        </Link>
        <span className="deal-state">{standingOf(deal)}</span>
        <Link href={providerPath(deal.provider.id)}>{nameOf(deal)}</Link>
        <span>
          aggregate {aggregateId}, {formatCount(items)} {items === 1 ? 'item' : 'items'}, {formatBytes(pieceSizeBytes)}
        </span>
        {chainDealId !== null && <span>No. {chainDealId} on the chain</span>}
        <span className="field-hint">
          <When instant={changedAt} />
        </span>
        <DealActions deal={deal} onDone={reload} />
      </div>
      {reason && <p className="deal-reason">{reason}</p>}
    </li>
  )
}
