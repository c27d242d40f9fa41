import type { Aggregate, Aggregates } from '@keepsake/api/aggregates.ts'
import { useCallback, useState } from 'react'
import { Link } from 'wouter'
import { call } from '../api/call.ts'
import { useResource } from '../api/use-resource.ts'
import { useInterval } from '../files/use-interval.ts'
import { RequireSession } from '../session/require-session.tsx'
import { useMe } from '../session/session.tsx'
import { NotFound } from '../site/not-found.tsx'
import { paths } from '../site/paths.ts'
import { Button } from '../ui/button.tsx'
import { Empty } from '../ui/empty.tsx'
import { formatBytes, formatCount } from '../ui/format.ts'
import { FailureNotice } from '../ui/notice.tsx'
import { Page } from '../ui/page.tsx'
import { Skeleton } from '../ui/skeleton.tsx'
import { useAction } from '../ui/use-action.ts'
import { AggregateCard } from './aggregate-card.tsx'
import { AggregateFilter, type ChosenState } from './aggregate-filter.tsx'
import { AggregatesWaiting } from './aggregates-waiting.tsx'
import { FillPlot } from './fill-plot.tsx'
import './aggregates.css'

/** What collects is full in half a minute on a server that is tried out. */
const lookAgainMs = 5_000
const pageLength = 60

export default function AggregatesPage() {
  return (
    <RequireSession>
      <Overview />
    </RequireSession>
  )
}

function Overview() {
  const isAdmin = useMe().isAdmin
  const [state, setState] = useState<ChosenState>()
  // The pages before this one, so that one can go back.
  const [trail, setTrail] = useState<(number | undefined)[]>([undefined])
  const before = trail.at(-1)
  const found = useResource(
    useCallback(
      (signal) => call<Aggregates>('GET', `/account/admin/aggregates?${queryOf(state, before)}`, { signal }),
      [state, before],
    ),
  )
  const choose = (chosen: ChosenState) => {
    setState(chosen)
    setTrail([undefined])
  }
  const next = found.value?.next ?? undefined
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
      {found.value && (
        <Found found={found.value} state={state} choose={choose} busy={retrying.busy} retry={(id) => void retrying.run(id)} />
      )}
      <div className="button-row">
        {trail.length > 1 && <Button onClick={() => setTrail(trail.slice(0, -1))}>Newer</Button>}
        {next !== undefined && <Button onClick={() => setTrail([...trail, next])}>Older</Button>}
      </div>
    </Page>
  )
}

function queryOf(state: ChosenState, before: number | undefined): URLSearchParams {
  const given = { limit: pageLength, state, before }
  return new URLSearchParams(
    Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
  )
}

interface FoundProps {
  found: Aggregates
  state: ChosenState
  choose: (state: ChosenState) => void
  busy: boolean
  retry: (id: number) => void
}

function Found({ found, state, choose, busy, retry }: FoundProps) {
  const { aggregates, rules } = found
  return (
    <>
      <Rules rules={rules} />
      <AggregatesWaiting waiting={found.waiting} />
      {aggregates.length === 0 && state === undefined ? (
        <Empty title="No aggregates yet">They are made by themselves when uploads are complete.</Empty>
      ) : (
        <section className="admin-section" aria-labelledby="aggregates">
          <h2 id="aggregates">{summaryOf(found)}</h2>
          {aggregates.length > 0 && rules && <FillPlot aggregates={aggregates} targetBytes={rules.targetBytes} />}
          <AggregateFilter states={found.states} chosen={state} onChange={choose} />
          {aggregates.length === 0 && <p>There is none.</p>}
          <ul className="aggregate-list">
            {aggregates.map((aggregate: Aggregate) => (
              <AggregateCard key={aggregate.id} aggregate={aggregate} busy={busy} retry={retry} />
            ))}
          </ul>
        </section>
      )}
    </>
  )
}

function summaryOf({ states }: Aggregates): string {
  const failed = states.find(({ state }) => state === 'failed')
  const trouble = failed ? `; ${formatCount(failed.aggregates)} failed` : ''
  const built = states.find(({ state }) => state === 'built')
  if (!built) return `None is built yet${trouble}`
  const items = `${formatCount(built.items)} ${built.items === 1 ? 'item' : 'items'}`
  return `${formatCount(built.aggregates)} built, with ${items} and ${formatBytes(built.bytes)}${trouble}`
}

function seconds(count: number): string {
  if (count < 120) return count === 1 ? 'a second' : `${count} seconds`
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
