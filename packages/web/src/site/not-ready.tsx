import { CallFailure } from '../api/failure.ts'
import type { Loaded } from '../api/use-resource.ts'
import { FailureNotice } from '../ui/notice.tsx'
import { PageSkeleton } from '../ui/skeleton.tsx'
import { NotFound } from './not-found.tsx'

/** What a page about one thing shows while it does not have it: that it comes, that there is no such thing, or what went wrong. */
export function NotReady({ of: { status, error, reload } }: { of: Pick<Loaded<unknown>, 'status' | 'error' | 'reload'> }) {
  if (status !== 'failed') return <PageSkeleton />
  if (error instanceof CallFailure && error.status === 404) return <NotFound />
  return (
    <div className="page">
      <FailureNotice error={error} retry={reload} />
    </div>
  )
}
