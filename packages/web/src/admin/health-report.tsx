import type { SystemHealth } from '@keepsake/api/admin.ts'
import { useCallback } from 'react'
import { call } from '../api/call.ts'
import { useResource } from '../api/use-resource.ts'
import { Button } from '../ui/button.tsx'
import { formatCount } from '../ui/format.ts'
import { FailureNotice, Notice } from '../ui/notice.tsx'
import { Skeleton } from '../ui/skeleton.tsx'

/** Every component, tried when the page was opened. */
export function HealthReport() {
  const health = useResource(useCallback((signal) => call<SystemHealth>('GET', '/account/admin/health', { signal }), []))
  return (
    <section className="admin-section" aria-labelledby="health">
      <div className="admin-head">
        <h2 id="health">Health</h2>
        <Button size="small" onClick={health.reload}>
          Try again now
        </Button>
      </div>
      {health.status === 'loading' && <Skeleton />}
      {health.status === 'failed' && <FailureNotice error={health.error} retry={health.reload} />}
      {health.value && (
        <>
          {!health.value.ok && (
            <Notice kind="bad">
              <p>Something does not work. Until it does, uploads may be refused; what is stored is not affected.</p>
            </Notice>
          )}
          <ul className="health">
            {Object.entries(health.value.checks).map(([name, { ok, message, durationMs }]) => (
              <li key={name} className={ok ? 'health-good' : 'health-bad'}>
                <strong>{name}</strong>
                <span>
                  {ok
                    ? `works, ${Math.max(1, Math.round(durationMs))} ms${message ? `: ${message}` : ''}`
                    : (message ?? 'failed')}
                </span>
              </li>
            ))}
          </ul>
          <Jobs jobs={health.value.jobs} />
        </>
      )}
    </section>
  )
}

function Jobs({ jobs }: { jobs: SystemHealth['jobs'] }) {
  const { waiting, waitingForPeer, running, retrying, failed, oldestWaitingSeconds } = jobs
  const parts = [
    `${formatCount(running)} running`,
    `${formatCount(waiting)} waiting${oldestWaitingSeconds === null ? '' : `, the oldest for ${Math.round(oldestWaitingSeconds)} s`}`,
    `${formatCount(retrying)} to be tried again`,
    `${formatCount(failed)} given up`,
    ...(waitingForPeer > 0 ? [`${formatCount(waitingForPeer)} for the peer, and none runs`] : []),
  ]
  return <p className="field-hint">Jobs: {parts.join('; ')}.</p>
}
