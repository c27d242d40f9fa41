import { Link } from 'wouter'
import { RequireSession } from '../session/require-session.tsx'
import { useMe } from '../session/session.tsx'
import { NotFound } from '../site/not-found.tsx'
import { paths } from '../site/paths.ts'
import { Page } from '../ui/page.tsx'
import { FailedJobsList } from './failed-jobs.tsx'
import { HealthReport } from './health-report.tsx'
import { Invitations } from './invitations.tsx'
import { Users } from './users.tsx'

export default function AdminPage() {
  return (
    <RequireSession>
      <Admin />
    </RequireSession>
  )
}

function Admin() {
  // The server decides; this only spares others a page of refusals.
  if (!useMe().isAdmin) return <NotFound />
  return (
    <Page
      title="Administration"
      lead="Who may do what here, and whether everything works."
      actions={
        <>
          <Link href={paths.adminAggregates} className="button">
            Aggregates
          </Link>
          <Link href={paths.adminDeals} className="button">
            Deals
          </Link>
          <Link href={paths.adminProviders} className="button">
            Storage providers
          </Link>
        </>
      }
    >
      <HealthReport />
      <FailedJobsList />
      <Users />
      <Invitations />
    </Page>
  )
}
