import type { Aggregate, Aggregates } from '@keepsake/api/aggregates.ts'
import { useCallback } from 'react'
import { Link } from 'wouter'
import { call } from '../api/call.ts'
import { useResource } from '../api/use-resource.ts'
import { useInterval } from '../files/use-interval.ts'
import { RequireSession } from '../session/require-session.tsx'
import { useMe } from '../session/session.tsx'
import { NotFound } from '../site/not-found.tsx'
import { paths } from '../site/paths.ts'
import { Empty } from '../ui/empty.tsx'
import { formatBytes, formatCount } from '../ui/format.ts'
import { FailureNotice } from '../ui/notice.tsx'
import { Page } from '../ui/page.tsx'
import { Skeleton } from '../ui/skeleton.tsx'
import { useAction } from '../ui/use-action.ts'
import { AggregateCard } from './aggregate-card.tsx'
import { FillPlot } from './fill-plot.tsx'
import './aggregates.css'

/** What collects is full in half a minute on a server that is tried out. */
const lookAgainMs = 5_000

export default function AggregatesPage() {
  return (
    <RequireSession>
      <Overview />
    </RequireSession>
  )
}

function Overview() {
  const isAdmin = useMe().isAdmin
  const found = useResource(
    useCallback((signal) => call<Aggregates>('GET', '/account/admin/aggregates?limit=60', { signal }), []),
  )
  useInterval(found.reload, isAdmin ? lookAgainMs : undefined)
  const retrying = useAction(async (id: number) => {
    await call('POST', `/account/admin/aggregates/${id}/retry`)
    found.reload()
  })
  // The server decides; this only spares others a page of refusals.
  if (!isAdmin) return <NotFound />
  return (
    <Page
      title="Aggregates"
      lead={
        <>
          What uploads are packed into for Filecoin. <Link href={paths.admin}>Administration</Link>
        </>
      }
    >
      {found.status === 'loading' && <Skeleton lines={6} />}
      {found.status === 'failed' && <FailureNotice error={found.error} retry={found.reload} />}
      {retrying.error !== undefined && <FailureNotice error={retrying.error} />}
      {found.value && <Found found={found.value} busy={retrying.busy} retry={(id) => void retrying.run(id)} />}
    </Page>
  )
}

interface FoundProps {
  found: Aggregates
  busy: boolean
  retry: (id: number) => void
}

function Found({ found, busy, retry }: FoundProps) {
  const { aggregates, rules } = found
  return (
    <>
      <Rules rules={rules} />
      <Waiting waiting={found.waiting} />
      {aggregates.length === 0 ? (
        <Empty title="No aggregates yet">They are made by themselves when uploads are complete.</Empty>
      ) : (
        <section className="admin-section" aria-labelledby="aggregates">
          <h2 id="aggregates">{summaryOf(found)}</h2>
          {rules && <FillPlot aggregates={aggregates} targetBytes={rules.targetBytes} />}
          <ul className="aggregate-list">
            {aggregates.map((aggregate: Aggregate) => (
              <AggregateCard key={aggregate.id} aggregate={aggregate} busy={busy} retry={retry} />
            ))}
          </ul>
          {found.next !== null && <p className="field-hint">The newest are shown; `npx keepsake aggregates list` shows all.</p>}
        </section>
      )}
    </>
  )
}

function summaryOf({ states }: Aggregates): string {
  const built = states.find(({ state }) => state === 'built')
  if (!built) return 'None is built yet'
  return `${formatCount(built.aggregates)} built, with ${formatCount(built.items)} items and ${formatBytes(built.bytes)}`
}

function seconds(count: number): string {
  if (count < 120) return `${count} seconds`
  return count < 7200 ? `${Math.round(count / 60)} minutes` : `${Math.round(count / 3600)} hours`
}

function Rules({ rules }: Pick<Aggregates, 'rules'>) {
  if (!rules) return <p>Nothing is packed: AGGREGATE_PROFILE is off.</p>
  const { settleSeconds, forceSeconds, targetBytes, minBytes } = rules
  return (
    <p>
      An upload is left alone for {seconds(settleSeconds)}, then gets its place. An aggregate is built when it holds{' '}
      {minBytes > 0 ? `at least ${formatBytes(minBytes)} and` : ''} close to {formatBytes(targetBytes)}, or when its oldest item
      has waited {seconds(forceSeconds)}.
    </p>
  )
}

function Waiting({ waiting }: Pick<Aggregates, 'waiting'>) {
  const { contents, bytes, obstacles, obstacleCount } = waiting
  return (
    <section className="admin-section" aria-labelledby="waiting">
      <h2 id="waiting">Waiting</h2>
      <p>
        {contents === 0
          ? 'No upload waits for its place.'
          : `${formatCount(contents)} uploads settle before they get their place: ${formatBytes(bytes)}.`}
      </p>
      {obstacleCount > 0 && (
        <>
          <p>{formatCount(obstacleCount)} cannot be packed for now; storing them again mends them.</p>
          <ul className="plain-list">
            {obstacles.map(({ cid, reason }) => (
              <li key={cid}>
                <div>
                  <code>{cid}</code>
                  <p>{reason}</p>
                </div>
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  )
}
