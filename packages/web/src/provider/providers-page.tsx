import type { StorageProviders } from '@keepsake/api/storage-providers.ts'
import { useCallback, useState } from 'react'
import { call } from '../api/call.ts'
import { useResource } from '../api/use-resource.ts'
import { useInterval } from '../files/use-interval.ts'
import { Button } from '../ui/button.tsx'
import { Empty } from '../ui/empty.tsx'
import { formatBytes, formatCount } from '../ui/format.ts'
import { FailureNotice, Notice } from '../ui/notice.tsx'
import { Page } from '../ui/page.tsx'
import { Skeleton } from '../ui/skeleton.tsx'
import { ContinentMap } from './continent-map.tsx'
import { HoldingsTable } from './holdings-table.tsx'
import { Join } from './join.tsx'
import { ProviderDealList } from './provider-deals.tsx'
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
  const [shown, show] = useState<string>()
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
        <p className="offered">
          {offered.pieces === 0
            ? 'Every piece has all its replicas.'
            : `${formatCount(offered.pieces)} ${offered.pieces === 1 ? 'piece' : 'pieces'} with ${formatBytes(offered.bytes)} wait for more replicas.`}
          {network !== null && epoch !== null && (
            <span className="field-hint">
              {' '}
              Network {network}, epoch {formatCount(epoch)}.
            </span>
          )}
        </p>
        <RuleList rules={found.rules} />
      </section>
      <section className="admin-section" aria-labelledby="who">
        <h2 id="who">Who holds what</h2>
        {providers.length === 0 ? (
          <Empty title="Nobody yet">No storage provider is registered here.</Empty>
        ) : (
          <>
            <ContinentMap providers={providers} />
            <HoldingsTable
              providers={providers}
              actions={({ provider }) => (
                <Button
                  size="small"
                  aria-pressed={shown === provider}
                  aria-label={`Deals of ${provider}`}
                  onClick={() => show(shown === provider ? undefined : provider)}
                >
                  Deals
                </Button>
              )}
            />
          </>
        )}
      </section>
      {shown !== undefined && <ProviderDealList provider={shown} />}
      <Join portalUrl={found.portalUrl} />
    </>
  )
}

function RuleList({ rules }: Pick<StorageProviders, 'rules'>) {
  const { replicas, perOrganisation, perCity, perCountry, perContinent, inFlightBytes, endingDays, mustMine } = rules
  return (
    <p className="field-hint">
      Every piece gets {replicas} replicas: at most {perOrganisation} at one organisation, {perCity} in a city, {perCountry} in a
      country and {perContinent} on a continent. One provider may have {formatBytes(inFlightBytes)} on the way. A deal that ends
      within {endingDays} days does not count any more.
      {mustMine && ' Providers have to be eligible for mining.'}
    </p>
  )
}
