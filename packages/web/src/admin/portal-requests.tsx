import type { PortalLogEntry } from '@keepsake/api/storage-providers.ts'
import { useCallback } from 'react'
import { call } from '../api/call.ts'
import { useResource } from '../api/use-resource.ts'
import { FailureNotice } from '../ui/notice.tsx'
import { Skeleton } from '../ui/skeleton.tsx'
import { When } from '../ui/when.tsx'

/** What storage providers were given and refused, the newest first. */
export function PortalRequests() {
  const found = useResource(
    useCallback((signal) => call<PortalLogEntry[]>('GET', '/account/admin/portal-requests?limit=30', { signal }), []),
  )
  return (
    <section className="admin-section" aria-labelledby="requests">
      <h2 id="requests">Given and refused</h2>
      {found.status === 'loading' && <Skeleton lines={3} />}
      {found.status === 'failed' && <FailureNotice error={found.error} retry={found.reload} />}
      {found.value?.length === 0 && <p>Nobody has asked for a piece yet.</p>}
      <ul className="plain-list">
        {found.value?.map(({ id, at, provider, place, call: asked, pieceCid, errorCode, reason, dealId }) => (
          <li key={id}>
            <div>
              <strong>{provider ?? `unknown, ${place}`}</strong> {asked}{' '}
              <span className="field-hint">
                {dealId === null ? `refused${errorCode === null ? '' : `, ${errorCode}`}` : `deal ${dealId}`},{' '}
                <When instant={at} />
              </span>
              {reason && <p>{reason}</p>}
              {pieceCid && <code>{pieceCid}</code>}
            </div>
          </li>
        ))}
      </ul>
    </section>
  )
}
