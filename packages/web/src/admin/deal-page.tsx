import type { DealDetails, DealEvent } from '@keepsake/api/deals.ts'
import { useCallback } from 'react'
import { Link, useParams } from 'wouter'
import { call } from '../api/call.ts'
import { useResource } from '../api/use-resource.ts'
import { useInterval } from '../files/use-interval.ts'
import { RequireSession } from '../session/require-session.tsx'
import { useMe } from '../session/session.tsx'
import { NotFound } from '../site/not-found.tsx'
import { NotReady } from '../site/not-ready.tsx'
import { paths, providerPath } from '../site/paths.ts'
import { formatBytes, formatCount, formatInstant } from '../ui/format.ts'
import { Notice } from '../ui/notice.tsx'
import { Page } from '../ui/page.tsx'
import { When } from '../ui/when.tsx'
import { DealActions } from './deal-actions.tsx'
import { nameOf, standingOf } from './deal-card.tsx'
import './deals.css'

const lookAgainMs = 5_000

export default function DealPage() {
  return (
    <RequireSession>
      <Guarded />
    </RequireSession>
  )
}

function Guarded() {
  const { id = '' } = useParams<{ id: string }>()
  return useMe().isAdmin && /^[1-9]\d{0,14}$/.test(id) ? <One id={Number(id)} /> : <NotFound />
}

function One({ id }: { id: number }) {
  const route = `/account/admin/deals/${id}`
  const found = useResource(useCallback((signal) => call<DealDetails>('GET', route, { signal }), [route]))
  useInterval(found.reload, lookAgainMs)
  if (found.status !== 'ready') return <NotReady of={found} />
  const { deal, events, label, client } = found.value
  return (
    <Page
      title={`Deal ${id}`}
      lead={
        <>
          <Link href={providerPath(deal.provider.id)}>{nameOf(deal)}</Link>, {standingOf(deal)}.{' '}
          <Link href={paths.adminDeals}>All deals</Link>
        </>
      }
      actions={<DealActions deal={deal} onDone={found.reload} />}
    >
      {deal.isDevnet && <Notice kind="neutral">devnet: simulated storage providers on this machine</Notice>}
      {deal.reason && <p className="deal-reason">{deal.reason}</p>}
      <Facts deal={deal} label={label} client={client} />
      <section className="admin-section" aria-labelledby="events">
        <h2 id="events">What happened</h2>
        <ol className="deal-events">
          {events.map((event, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a history only grows
            <Event key={index} event={event} />
          ))}
        </ol>
      </section>
    </Page>
  )
}

function epochText(epoch: number | null, instant: string | null): string | null {
  if (epoch === null) return null
  return instant ? `epoch ${formatCount(epoch)}, ${formatInstant(instant)}` : `epoch ${formatCount(epoch)}`
}

function Facts({ deal, label, client }: Omit<DealDetails, 'events'>) {
  const { provider, sector, deadline, partition } = deal
  const facts: [string, string | number | null][] = [
    ['Network', deal.network],
    ['Provider', [provider.id, provider.name, provider.organisation].filter(Boolean).join(', ')],
    ['Aggregate', `${deal.aggregateId}, ${formatCount(deal.items)} items`],
    ['Piece', deal.pieceCid],
    ['Piece size', `${formatBytes(deal.pieceSizeBytes)}, padded`],
    ['Client', client],
    ['Label', label],
    ['Proposal', deal.proposalCid],
    ['Begins', epochText(deal.startEpoch, deal.startsAt)],
    ['Ends', epochText(deal.endEpoch, deal.endsAt)],
    ['Due', deal.dueAt && formatInstant(deal.dueAt)],
    ['Not again before', deal.againAt && formatInstant(deal.againAt)],
    ['Number on the chain', deal.chainDealId],
    ['Sector', sector === null ? null : `${sector}, deadline ${deadline ?? '?'}, partition ${partition ?? '?'}`],
    ['Last proven', epochText(deal.lastProvenEpoch, null)],
    ['Chain looked at', deal.checkedEpoch === null ? null : `up to epoch ${formatCount(deal.checkedEpoch)}`],
    ['Stands in for', deal.replacesId === null ? null : `deal ${deal.replacesId}`],
  ]
  return (
    <dl className="deal-details">
      {facts
        .filter(([, value]) => value !== null)
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  )
}

function Event({ event: { at, state, reason, epoch, evidence } }: { event: DealEvent }) {
  const shown = Object.entries(evidence).filter(([, value]) => value !== null)
  return (
    <li className={`deal-event deal-${state}`}>
      <p>
        <strong className="deal-state">{state}</strong> <When instant={at} />
        {epoch !== null && ` at epoch ${formatCount(epoch)}`}
      </p>
      {reason && <p className="deal-reason">{reason}</p>}
      {shown.length > 0 && (
        <dl className="deal-evidence">
          {shown.map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>
                <code>{typeof value === 'string' ? value : JSON.stringify(value)}</code>
              </dd>
            </div>
          ))}
        </dl>
      )}
    </li>
  )
}
