import type { Replicated, Replication, StorageProviders } from '@keepsake/api/storage-providers.ts'
import { useCallback } from 'react'
import { Link } from 'wouter'
import { call } from '../api/call.ts'
import { useResource } from '../api/use-resource.ts'
import { ContinentMap } from '../provider/continent-map.tsx'
import { HoldingsTable } from '../provider/holdings-table.tsx'
import { RequireSession } from '../session/require-session.tsx'
import { useMe } from '../session/session.tsx'
import { NotFound } from '../site/not-found.tsx'
import { paths } from '../site/paths.ts'
import { Button } from '../ui/button.tsx'
import { formatCount } from '../ui/format.ts'
import { FailureNotice, Notice } from '../ui/notice.tsx'
import { Page } from '../ui/page.tsx'
import { Skeleton } from '../ui/skeleton.tsx'
import { useAction } from '../ui/use-action.ts'
import { PortalRequests } from './portal-requests.tsx'
import { RegisterProvider } from './register-provider.tsx'
import '../provider/provider.css'

export default function AdminProvidersPage() {
  return (
    <RequireSession>
      <Operating />
    </RequireSession>
  )
}

function Operating() {
  const found = useResource(useCallback((signal) => call<StorageProviders>('GET', '/api/storage-providers', { signal }), []))
  const suspending = useAction(async (provider: string, isActive: boolean) => {
    const path = `/account/admin/providers/${provider}`
    await (isActive ? call('POST', `${path}/suspend`, { body: { because: '' } }) : call('POST', `${path}/resume`))
    found.reload()
  })
  // The server decides; this only spares others a page of refusals.
  if (!useMe().isAdmin) return <NotFound />
  return (
    <Page
      title="Storage providers"
      lead={
        <>
          Who may take pieces, who holds what, and what lacks replicas. <Link href={paths.admin}>Administration</Link>
        </>
      }
    >
      {found.status === 'loading' && <Skeleton lines={6} />}
      {found.status === 'failed' && <FailureNotice error={found.error} retry={found.reload} />}
      {suspending.error !== undefined && <FailureNotice error={suspending.error} />}
      {found.value?.isDevnet && (
        <Notice kind="neutral">
          <p>devnet: simulated storage providers on this machine</p>
        </Notice>
      )}
      {found.value && (
        <section className="admin-section" aria-labelledby="who">
          <h2 id="who">Who holds what</h2>
          <ContinentMap providers={found.value.providers} />
          <HoldingsTable
            providers={found.value.providers}
            actions={({ provider, state }) => (
              <Button
                size="small"
                busy={suspending.busy}
                aria-label={`${state === 'active' ? 'Suspend' : 'Resume'} ${provider}`}
                onClick={() => void suspending.run(provider, state === 'active')}
              >
                {state === 'active' ? 'Suspend' : 'Resume'}
              </Button>
            )}
          />
        </section>
      )}
      <ReplicationReport />
      <RegisterProvider registered={found.reload} />
      <PortalRequests />
    </Page>
  )
}

/** What has fewer or more replicas than it should, and what lies too close together. */
function ReplicationReport() {
  const found = useResource(useCallback((signal) => call<Replication>('GET', '/account/admin/replication', { signal }), []))
  return (
    <section className="admin-section" aria-labelledby="replication">
      <h2 id="replication">Replication</h2>
      {found.status === 'loading' && <Skeleton lines={3} />}
      {found.status === 'failed' && <FailureNotice error={found.error} retry={found.reload} />}
      {found.value && <Report report={found.value} />}
    </section>
  )
}

function Report({ report: { wanted, counts, under, over, crowded } }: { report: Replication }) {
  return (
    <>
      <div className="holdings">
        <table>
          <thead>
            <tr>
              <th scope="col">Replicas</th>
              <th scope="col">Aggregates</th>
            </tr>
          </thead>
          <tbody>
            {counts.map(({ replicas, aggregates }) => (
              <tr key={replicas}>
                <td className={replicas < wanted ? 'holdings-bad' : undefined}>
                  {replicas} of {wanted}
                </td>
                <td>{formatCount(aggregates)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <Pieces title="With too few replicas" pieces={under} />
      <Pieces title="With more than are wanted" pieces={over} />
      {crowded.length > 0 && (
        <>
          <h3>Too many in one place</h3>
          <ul className="plain-list">
            {crowded.map(({ aggregate, pieceCid, where, replicas, most }) => (
              <li key={`${aggregate} ${where}`}>
                <div>
                  <strong>{where}</strong>: {replicas}, at most {most}
                  <p>
                    <code>{pieceCid}</code>
                  </p>
                </div>
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  )
}

function Pieces({ title, pieces }: { title: string; pieces: readonly Replicated[] }) {
  if (pieces.length === 0) return null
  return (
    <details>
      <summary>
        {title} ({formatCount(pieces.length)})
      </summary>
      <ul className="plain-list">
        {pieces.map(({ aggregate, pieceCid, replicas, providers }) => (
          <li key={aggregate}>
            <div>
              No. {aggregate}: {replicas} {providers.length > 0 && `at ${providers.join(', ')}`}
              <p>
                <code>{pieceCid}</code>
              </p>
            </div>
          </li>
        ))}
      </ul>
    </details>
  )
}
