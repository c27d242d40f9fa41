import type { StorageProviders } from '@keepsake/api/storage-providers.ts'
import { useCallback } from 'react'
import { call } from '../api/call.ts'
import { useResource } from '../api/use-resource.ts'
import { useInterval } from '../files/use-interval.ts'
import { Empty } from '../ui/empty.tsx'
import { formatCount } from '../ui/format.ts'
import { FailureNotice, Notice } from '../ui/notice.tsx'
import { Page } from '../ui/page.tsx'
import { Skeleton } from '../ui/skeleton.tsx'
import { ContinentMap } from './continent-map.tsx'
import { HoldingsTable } from './holdings-table.tsx'
import { Join } from './join.tsx'
import { OfferedPieces } from './offered-pieces.tsx'
import { RuleList } from './rule-list.tsx'
import './provider.css'

const lookAgainMs = 10_000

/** For storage providers, and for everybody who wants to know where what is stored here lies. */
export default function ProvidersPage() {
  const found = useResource(useCallback((signal) => call<StorageProviders>('GET', '/api/storage-providers', { signal }), []))
  useInterval(found.reload, lookAgainMs)
  return (
    <Page title="Storage providers" lead="Who keeps what is stored here on Filecoin, and how to be one of them.">
      {found.status === 'loading' && <Skeleton lines={6} />}
      {found.status === 'failed' && <FailureNotice error={found.error} retry={found.reload} />}
      {found.value && <Found found={found.value} />}
    </Page>
  )
}

function Found({ found }: { found: StorageProviders }) {
  const { network, isDevnet, providers, offered, epoch } = found
  return (
    <>
      {isDevnet && (
        <Notice kind="neutral">
          <p>devnet: simulated storage providers on this machine</p>
        </Notice>
      )}
      {network === null && (
        <Notice kind="neutral">
          <p>This server makes no Filecoin deals at the moment, so nothing can be taken.</p>
        </Notice>
      )}
      <section className="admin-section" aria-labelledby="offered">
        <h2 id="offered">On offer</h2>
        {network !== null && epoch !== null && (
          <p className="field-hint">
            Network {network}, epoch {formatCount(epoch)}.
          </p>
        )}
        <OfferedPieces offered={offered} wanted={found.rules.replicas} />
        <RuleList rules={found.rules} />
      </section>
      <section className="admin-section" aria-labelledby="who">
        <h2 id="who">Who holds what</h2>
        {providers.length === 0 ? (
          <Empty title="Nobody yet">No storage provider is registered here.</Empty>
        ) : (
          <>
            <ContinentMap providers={providers} />
            <HoldingsTable providers={providers} />
          </>
        )}
      </section>
      <Join portalUrl={found.portalUrl} />
    </>
  )
}
