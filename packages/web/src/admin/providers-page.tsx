import type { Retrievals } from '@keepsake/api/retrievals.ts'
import type { Replication, StorageProviders } from '@keepsake/api/storage-providers.ts'
import { useCallback, useMemo, useState } from 'react'
import { Link } from 'wouter'
import { call } from '../api/call.ts'
import { useResource } from '../api/use-resource.ts'
import { useInterval } from '../files/use-interval.ts'
import { ContinentMap } from '../provider/continent-map.tsx'
import { HoldingsTable } from '../provider/holdings-table.tsx'
import { RuleList } from '../provider/rule-list.tsx'
import { RequireSession } from '../session/require-session.tsx'
import { useMe } from '../session/session.tsx'
import { NotFound } from '../site/not-found.tsx'
import { paths } from '../site/paths.ts'
import { Button } from '../ui/button.tsx'
import { Empty } from '../ui/empty.tsx'
import { FailureNotice, Notice } from '../ui/notice.tsx'
import { Page } from '../ui/page.tsx'
import { Skeleton } from '../ui/skeleton.tsx'
import { useAction } from '../ui/use-action.ts'
import { PortalRequests } from './portal-requests.tsx'
import { ProviderApplications } from './provider-applications.tsx'
import { ReasonDialog } from './reason-dialog.tsx'
import { RegisterProvider } from './register-provider.tsx'
import { ReplicationReport } from './replication-report.tsx'
import '../provider/provider.css'

const lookAgainMs = 10_000

export default function AdminProvidersPage() {
  return (
    <RequireSession>
      <Guarded />
    </RequireSession>
  )
}

function Guarded() {
  // The server decides; this only spares others a page of refusals.
  return useMe().isAdmin ? <Operating /> : <NotFound />
}

function useFound() {
  const providers = useResource(
    useCallback((signal) => call<StorageProviders>('GET', '/account/admin/providers', { signal }), []),
  )
  const isOnNetwork = (providers.value?.network ?? null) !== null
  const replication = useResource(
    useCallback(
      async (signal: AbortSignal) =>
        isOnNetwork ? await call<Replication>('GET', '/account/admin/replication', { signal }) : undefined,
      [isOnNetwork],
    ),
  )
  const retrievals = useResource(
    useCallback((signal) => call<Retrievals>('GET', '/account/admin/retrievals?limit=1', { signal }), []),
  )
  const reload = () => {
    for (const one of [providers, replication, retrievals]) one.reload()
  }
  return { providers, replication, retrievals, isOnNetwork, reload }
}

function Operating() {
  const { providers, replication, retrievals, isOnNetwork, reload } = useFound()
  const histories = useMemo(
    () => new Map(retrievals.value?.providers.map(({ provider, history }) => [provider, history])),
    [retrievals.value],
  )
  const [suspending, suspend] = useState<string>()
  useInterval(reload, suspending === undefined ? lookAgainMs : undefined)
  const resuming = useAction(async (provider: string) => {
    await call('POST', `/account/admin/providers/${provider}/resume`)
    reload()
  })
  const close = () => {
    suspend(undefined)
    reload()
  }
  return (
    <Page
      title="Storage providers"
      lead={
        <>
          Who may take pieces, who holds what, and what lacks replicas. <Link href={paths.admin}>Administration</Link>
        </>
      }
    >
      {providers.status === 'loading' && <Skeleton lines={6} />}
      {providers.status === 'failed' && <FailureNotice error={providers.error} retry={reload} />}
      {resuming.error !== undefined && <FailureNotice error={resuming.error} />}
      {suspending !== undefined && (
        <ReasonDialog
          title={`Suspend ${suspending}`}
          hint="The provider is told. It gets nothing new; its deals go on."
          action="Suspend"
          path={`/account/admin/providers/${suspending}/suspend`}
          onClose={close}
        />
      )}
      {providers.value?.isDevnet && (
        <Notice kind="neutral">
          <p>devnet: simulated storage providers on this machine</p>
        </Notice>
      )}
      {providers.value?.network === null && (
        <Notice kind="neutral">
          <p>This server makes no Filecoin deals at the moment, so nobody can be registered and nothing be taken.</p>
        </Notice>
      )}
      {isOnNetwork && <ProviderApplications registered={reload} />}
      {providers.value && (
        <section className="admin-section" aria-labelledby="who">
          <h2 id="who">Who holds what</h2>
          {providers.value.providers.length === 0 ? (
            <Empty title="Nobody yet">Register a storage provider below, or wait for one that asks for it.</Empty>
          ) : (
            <>
              <ContinentMap providers={providers.value.providers} replication={replication.value} />
              <HoldingsTable
                providers={providers.value.providers}
                histories={histories}
                actions={({ provider, state }) =>
                  state === 'active' ? (
                    <Button size="small" aria-label={`Suspend ${provider}`} onClick={() => suspend(provider)}>
                      Suspend
                    </Button>
                  ) : (
                    <Button
                      size="small"
                      busy={resuming.busy}
                      aria-label={`Resume ${provider}`}
                      onClick={() => void resuming.run(provider)}
                    >
                      Resume
                    </Button>
                  )
                }
              />
            </>
          )}
          <RuleList rules={providers.value.rules} />
        </section>
      )}
      {isOnNetwork && (
        <section className="admin-section" aria-labelledby="replication">
          <h2 id="replication">Replication</h2>
          {replication.status === 'loading' && <Skeleton lines={3} />}
          {replication.status === 'failed' && <FailureNotice error={replication.error} retry={reload} />}
          {replication.value && <ReplicationReport report={replication.value} />}
        </section>
      )}
      {isOnNetwork && <RegisterProvider registered={reload} />}
      <PortalRequests />
    </Page>
  )
}
