import type { PortalLogEntry } from '@keepsake/api/storage-providers.ts'
import { useCallback } from 'react'
import { call } from '../api/call.ts'
import { useResource } from '../api/use-resource.ts'
import { formatCount } from '../ui/format.ts'
import { FailureNotice } from '../ui/notice.tsx'
import { Skeleton } from '../ui/skeleton.tsx'
import { When } from '../ui/when.tsx'

/** So many of the newest are read; whoever is refused asks again every few seconds. */
const read = 200
const shown = 20

interface Group {
  newest: PortalLogEntry
  times: number
}

/** The same refusal many times is one line, where the newest of it stands. */
function groupsOf(entries: readonly PortalLogEntry[]): Group[] {
  const groups = new Map<string, Group>()
  for (const newest of entries) {
    const { id, provider, place, call: asked, pieceCid, status, errorCode, dealId } = newest
    const key = dealId === null ? [provider ?? place, asked, pieceCid, status, errorCode].join() : id
    const known = groups.get(key)
    if (known) known.times++
    else groups.set(key, { newest, times: 1 })
  }
  return [...groups.values()]
}

/** What storage providers were given and refused, the newest first. */
export function PortalRequests() {
  const found = useResource(
    useCallback((signal) => call<PortalLogEntry[]>('GET', `/account/admin/portal-requests?limit=${read}`, { signal }), []),
  )
  return (
    <section className="admin-section" aria-labelledby="requests">
      <h2 id="requests">Given and refused</h2>
      {found.status === 'loading' && <Skeleton lines={3} />}
      {found.status === 'failed' && <FailureNotice error={found.error} retry={found.reload} />}
      {found.value?.length === 0 && <p>Nobody has asked for a piece yet.</p>}
      <ul className="plain-list">
        {groupsOf(found.value ?? [])
          .slice(0, shown)
          .map((group) => (
            <Request key={group.newest.id} group={group} />
          ))}
      </ul>
      {(found.value?.length ?? 0) > 0 && (
        <p className="field-hint">
          The newest {formatCount(read)} are looked at. <code>npx keepsake providers requests --all</code> lists every one.
        </p>
      )}
    </section>
  )
}

const asks: Record<string, string> = {
  status: 'asked for its status',
  eligible_pieces: 'asked what it may take',
  pending_proposals: 'asked for its proposals',
  request_piece: 'asked for a piece',
  register: 'asked to be registered',
}

function Request({ group: { newest, times } }: { group: Group }) {
  const { at, provider, place, call: asked, pieceCid, status, errorCode, reason, dealId } = newest
  const outcome = dealId !== null ? `deal ${dealId}` : status === 200 ? 'done' : `refused, ${errorCode ?? status}`
  return (
    <li>
      <div>
        <strong>{provider ?? `unknown, ${place}`}</strong> {asks[asked] ?? asked}:{' '}
        <span className={dealId === null && status !== 200 ? 'holdings-bad' : undefined}>{outcome}</span>{' '}
        <span className="field-hint">
          {times > 1 && `${formatCount(times)} times, last `}
          <When instant={at} />
        </span>
        {reason && <p>{reason}</p>}
        {pieceCid && (
          <p>
            <code>{pieceCid}</code>
          </p>
        )}
      </div>
    </li>
  )
}
