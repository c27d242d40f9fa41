import type { ReactNode } from 'react'
import { Redirect, useLocation, useSearch } from 'wouter'
import { paths } from '../site/paths.ts'
import { FailureNotice } from '../ui/notice.tsx'
import { PageSkeleton } from '../ui/skeleton.tsx'
import { useSession } from './session.tsx'

/** Shows its children to whoever is signed in; others are led to the sign-in page and back. */
export function RequireSession({ children }: { children: ReactNode }) {
  const session = useSession()
  const [location] = useLocation()
  const search = useSearch()
  if (session.status === 'unknown') return <PageSkeleton />
  if (session.status === 'failed') return <FailureNotice error={session.error} retry={() => void session.refresh()} />
  if (session.status === 'signed-in') return children
  const next = `${location}${search && `?${search}`}`
  return <Redirect to={`${paths.signIn}?${new URLSearchParams({ next })}`} replace />
}
