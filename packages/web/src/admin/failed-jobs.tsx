import type { FailedJob } from '@keepsake/api/admin.ts'
import { useCallback } from 'react'
import { call } from '../api/call.ts'
import { useResource } from '../api/use-resource.ts'
import { Button } from '../ui/button.tsx'
import { FailureNotice } from '../ui/notice.tsx'
import { Skeleton } from '../ui/skeleton.tsx'
import { useAction } from '../ui/use-action.ts'
import { When } from '../ui/when.tsx'

interface Jobs {
  jobs: FailedJob[]
  count: number
}

/** Jobs that were tried as often as they may be: why, and again. */
export function FailedJobsList() {
  const failed = useResource(useCallback((signal) => call<Jobs>('GET', '/account/admin/jobs/failed', { signal }), []))
  const retrying = useAction(async (id?: string) => {
    await call('POST', `/account/admin/jobs/failed/${id === undefined ? '' : `${id}/`}retry`)
    failed.reload()
  })
  return (
    <section className="admin-section" aria-labelledby="jobs">
      <div className="admin-head">
        <h2 id="jobs">Jobs that gave up</h2>
        {failed.value && failed.value.count > 1 && (
          <Button size="small" busy={retrying.busy} onClick={() => void retrying.run()}>
            Try all {failed.value.count} again
          </Button>
        )}
      </div>
      {failed.status === 'loading' && <Skeleton lines={2} />}
      {failed.status === 'failed' && <FailureNotice error={failed.error} retry={failed.reload} />}
      {retrying.error !== undefined && <FailureNotice error={retrying.error} />}
      {failed.value?.count === 0 && <p>None. Everything that was begun is done, or still being tried.</p>}
      <ul className="plain-list">
        {failed.value?.jobs.map(({ id, name, reason, payload, attempts, failed: at }) => (
          <li key={id}>
            <div>
              <strong>{name}</strong> <span className="field-hint">gave up after {attempts} attempts, </span>
              <When instant={at} />
              <p>{reason}</p>
              <code>{JSON.stringify(payload)}</code>
            </div>
            <Button
              size="small"
              busy={retrying.busy}
              aria-label={`Try ${name} ${id} again`}
              onClick={() => void retrying.run(id)}
            >
              Try again
            </Button>
          </li>
        ))}
      </ul>
    </section>
  )
}
