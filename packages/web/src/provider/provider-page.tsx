import type { ProviderDeal, ProviderDeals } from '@keepsake/api/storage-providers.ts'
import { useCallback } from 'react'
import { Link, useParams } from 'wouter'
import { call } from '../api/call.ts'
import { useResource } from '../api/use-resource.ts'
import { useInterval } from '../files/use-interval.ts'
import { NotFound } from '../site/not-found.tsx'
import { NotReady } from '../site/not-ready.tsx'
import { paths } from '../site/paths.ts'
import { formatBytes, formatCount } from '../ui/format.ts'
import { Notice } from '../ui/notice.tsx'
import { Page } from '../ui/page.tsx'
import { When } from '../ui/when.tsx'
import { WideTable } from '../ui/wide-table.tsx'
import { countDeals } from './holdings-table.tsx'
import { ImportCommands } from './import-commands.tsx'
import { RetrievalPlot, spanText } from './retrieval-plot.tsx'
import { RetrievalSummary, StandingTag } from './retrieval-summary.tsx'
import './provider.css'

const lookAgainMs = 10_000

/** One storage provider: what it holds, what is due, and whether it gives back what it stores. */
export default function ProviderPage() {
  const { provider = '' } = useParams<{ provider: string }>()
  return /^[ft]0\d{1,15}$/.test(provider) ? <One provider={provider} /> : <NotFound />
}

function One({ provider }: { provider: string }) {
  const route = `/api/storage-providers/${provider}`
  const found = useResource(useCallback((signal) => call<ProviderDeals>('GET', route, { signal }), [route]))
  useInterval(found.reload, lookAgainMs)
  if (found.status !== 'ready') return <NotReady of={found} />
  return <Shown found={found.value} />
}

function Shown({ found }: { found: ProviderDeals }) {
  const { provider: about, history, deals, portalUrl, isDevnet, network } = found
  const { provider, name, organisation, city, country, retrievals, state } = about
  return (
    <Page
      title={name ? `${name} (${provider})` : provider}
      lead={
        <>
          {organisation}, {city}, {country}. <Link href={paths.providers}>All storage providers</Link>
        </>
      }
    >
      {isDevnet && (
        <Notice kind="neutral">
          <p>devnet: simulated storage providers on this machine</p>
        </Notice>
      )}
      {state === 'suspended' && (
        <Notice kind="bad">
          <p>The operator of this server gives this provider nothing new for now. Its deals go on.</p>
        </Notice>
      )}
      <Facts found={found} />
      <section className="admin-section" aria-labelledby="retrieval">
        <h2 id="retrieval">
          Gives back what it stores: <StandingTag retrievals={retrievals} />
        </h2>
        <RetrievalSummary retrievals={retrievals} />
        {history.steps.length > 0 && (
          <figure className="retrieval-figure">
            <RetrievalPlot history={history} provider={provider} />
            <figcaption className="field-hint">
              Share of checks that went well over the last {spanText(history.stepCount * history.stepSeconds)}, a bar for every{' '}
              {history.stepSeconds < 3600 ? `${history.stepSeconds / 60} minutes` : spanText(history.stepSeconds)}.
            </figcaption>
          </figure>
        )}
      </section>
      <ImportCommands deals={deals} portalUrl={portalUrl} />
      <DealTable deals={deals} network={network} />
    </Page>
  )
}

function Facts({ found: { provider, inFlight } }: { found: ProviderDeals }) {
  const active = provider.deals.find(({ state }) => state === 'active')
  const facts: { name: string; value: string; isBad?: boolean }[] = [
    { name: 'In sectors', value: active ? `${formatCount(active.deals)} (${formatBytes(active.bytes)})` : 'nothing yet' },
    {
      name: 'On its way',
      value: `${formatCount(countDeals(provider, 'under way'))} (${formatBytes(inFlight.bytes)} of at most ${formatBytes(inFlight.most)})`,
    },
    { name: 'Overdue', value: formatCount(provider.overdue), isBad: provider.overdue > 0 },
    { name: 'Lost', value: formatCount(countDeals(provider, 'lost')), isBad: countDeals(provider, 'lost') > 0 },
  ]
  return (
    <dl className="provider-facts">
      {facts.map(({ name, value, isBad }) => (
        <div key={name} className={isBad ? 'provider-fact-bad' : undefined}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}

/** What is overdue first. */
function DealTable({ deals, network }: { deals: readonly ProviderDeal[]; network: string }) {
  const sorted = deals.toSorted((a, b) => Number(b.isOverdue) - Number(a.isOverdue))
  return (
    <section className="admin-section" aria-labelledby="deals">
      <h2 id="deals">Deals</h2>
      {deals.length === 0 && <p>It has taken nothing yet.</p>}
      {deals.length > 0 && (
        <WideTable className="holdings" label={`Deals on ${network}`}>
          <table>
            <thead>
              <tr>
                <th scope="col">Piece</th>
                <th scope="col">Size</th>
                <th scope="col">State</th>
                <th scope="col">Since</th>
                <th scope="col">Due</th>
                <th scope="col">On the chain</th>
              </tr>
            </thead>
            <tbody>
              {sorted.map((deal) => (
                <DealRow key={deal.id} deal={deal} />
              ))}
            </tbody>
          </table>
        </WideTable>
      )}
    </section>
  )
}

function DealRow({ deal }: { deal: ProviderDeal }) {
  const { pieceCid, bytes, state, proving, reason, isOverdue, changedAt, dueAt, chainDealId } = deal
  const isBad = isOverdue || ['failed', 'terminated'].includes(state) || proving === 'faulty'
  return (
    <tr>
      <th scope="row">
        <code className="cid-short">{pieceCid}</code>
      </th>
      <td>{formatBytes(bytes)}</td>
      <td>
        <span className={isBad ? 'holdings-bad' : undefined}>
          {state === 'active' && proving ? `${state}, ${proving}` : isOverdue ? `${state}, overdue` : state}
        </span>
        {reason && <p className="field-hint">{reason}</p>}
      </td>
      <td>
        <When instant={changedAt} />
      </td>
      <td>{dueAt ? <When instant={dueAt} /> : ''}</td>
      <td>{chainDealId === null ? '' : `No. ${chainDealId}`}</td>
    </tr>
  )
}
