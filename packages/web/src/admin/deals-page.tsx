import type { Deals, ExportedProposals } from '@keepsake/api/deals.ts'
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
import { FailureNotice } from '../ui/notice.tsx'
import { Page } from '../ui/page.tsx'
import { Skeleton } from '../ui/skeleton.tsx'
import { useAction } from '../ui/use-action.ts'
import { DealCard } from './deal-card.tsx'
import { type DealFilter, DealFilters, emptyFilter, queryOf } from './deal-filters.tsx'
import { DealsOverview } from './deals-overview.tsx'
import { ImportDialog } from './import-dialog.tsx'
import { ProposeDialog } from './propose-dialog.tsx'
import './deals.css'

/** On the devnet a deal goes on every few seconds. */
const lookAgainMs = 5_000

export default function DealsPage() {
  return (
    <RequireSession>
      <Guarded />
    </RequireSession>
  )
}

function Guarded() {
  // The server decides; this only spares others a page of refusals.
  return useMe().isAdmin ? <DealList /> : <NotFound />
}

function saveFile(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'application/json' }))
  const link = Object.assign(document.createElement('a'), { href: url, download: name })
  link.click()
  URL.revokeObjectURL(url)
}

function DealList() {
  const [filter, setFilter] = useState(emptyFilter)
  // The pages before this one, so that one can go back.
  const [trail, setTrail] = useState<(number | undefined)[]>([undefined])
  const [dialog, setDialog] = useState<'propose' | 'import'>()
  const before = trail.at(-1)
  const found = useResource(
    useCallback(
      (signal: AbortSignal) => call<Deals>('GET', `/account/admin/deals?${queryOf(filter, before)}`, { signal }),
      [filter, before],
    ),
  )
  useInterval(found.reload, dialog ? undefined : lookAgainMs)
  const exporting = useAction(async () => {
    const { proposals } = await call<ExportedProposals>('POST', '/account/admin/deals/export', { body: {} })
    if (proposals.length === 0) throw new Error('No proposal waits to be handed over.')
    saveFile('proposals.json', `${JSON.stringify({ proposals }, null, 2)}\n`)
    found.reload()
  })
  const choose = (chosen: DealFilter) => {
    setFilter(chosen)
    setTrail([undefined])
  }
  const close = () => {
    setDialog(undefined)
    found.reload()
  }
  return (
    <Page
      title="Deals"
      lead={
        <>
          What was agreed with storage providers, and what the chain says of it. <Link href={paths.admin}>Administration</Link>
        </>
      }
      actions={
        <>
          <Button onClick={() => setDialog('propose')}>Propose</Button>
          <Button busy={exporting.busy} onClick={() => void exporting.run()}>
            Export proposals
          </Button>
          <Button onClick={() => setDialog('import')}>Import numbers</Button>
        </>
      }
    >
      {dialog === 'propose' && <ProposeDialog onClose={close} />}
      {dialog === 'import' && <ImportDialog onClose={close} />}
      {exporting.error !== undefined && <FailureNotice error={exporting.error} />}
      {found.value && <DealsOverview overview={found.value.overview} />}
      <DealFilters filter={filter} onChange={choose} />
      {found.status === 'loading' && <Skeleton lines={6} />}
      {found.status === 'failed' && <FailureNotice error={found.error} retry={found.reload} />}
      {found.value && <Found found={found.value} isFiltered={filter !== emptyFilter} reload={found.reload} />}
      <div className="button-row">
        {trail.length > 1 && <Button onClick={() => setTrail(trail.slice(0, -1))}>Newer</Button>}
        {found.value?.next != null && <Button onClick={() => setTrail([...trail, found.value?.next ?? undefined])}>Older</Button>}
      </div>
    </Page>
  )
}

function Found({ found, isFiltered, reload }: { found: Deals; isFiltered: boolean; reload: () => void }) {
  if (found.deals.length === 0 && isFiltered) return <p>There is no such deal.</p>
  if (found.deals.length === 0) {
    return (
      <Empty title="No deals yet">
        Storage providers that you registered take built aggregates by themselves; or propose one to a provider here.
      </Empty>
    )
  }
  return (
    <ul className="deal-list" aria-label="Deals">
      {found.deals.map((deal) => (
        <DealCard key={deal.id} deal={deal} reload={reload} />
      ))}
    </ul>
  )
}
