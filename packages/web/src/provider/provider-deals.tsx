import type { ProviderDeals } from '@keepsake/api/storage-providers.ts'
import { useCallback } from 'react'
import { call } from '../api/call.ts'
import { useResource } from '../api/use-resource.ts'
import { formatBytes } from '../ui/format.ts'
import { FailureNotice } from '../ui/notice.tsx'
import { Skeleton } from '../ui/skeleton.tsx'
import { When } from '../ui/when.tsx'

/** The deals of one provider, what is overdue first. */
export function ProviderDealList({ provider }: { provider: string }) {
  const found = useResource(
    useCallback((signal) => call<ProviderDeals>('GET', `/api/storage-providers/${provider}`, { signal }), [provider]),
  )
  const deals = found.value?.deals.toSorted((a, b) => Number(b.isOverdue) - Number(a.isOverdue)) ?? []
  return (
    <section className="admin-section" aria-labelledby="deals">
      <h2 id="deals">Deals of {provider}</h2>
      {found.status === 'loading' && <Skeleton lines={3} />}
      {found.status === 'failed' && <FailureNotice error={found.error} retry={found.reload} />}
      {found.value && deals.length === 0 && <p>It has taken nothing yet.</p>}
      <ul className="plain-list">
        {deals.map(({ id, pieceCid, bytes, state, reason, proving, isOverdue, dueAt, changedAt }) => (
          <li key={id}>
            <div>
              <strong className={isOverdue ? 'holdings-bad' : undefined}>{isOverdue ? `${state}, overdue` : state}</strong>{' '}
              {state === 'active' && proving && <span>{proving}, </span>}
              <span className="field-hint">
                {formatBytes(bytes)}, since <When instant={changedAt} />
                {dueAt && (
                  <>
                    , {isOverdue ? 'was due' : 'due'} <When instant={dueAt} />
                  </>
                )}
              </span>
              {reason && <p>{reason}</p>}
              <code>{pieceCid}</code>
            </div>
          </li>
        ))}
      </ul>
    </section>
  )
}
