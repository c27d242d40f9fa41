import type { Aggregate } from '@keepsake/api/aggregates.ts'
import { Button } from '../ui/button.tsx'
import { formatBytes, formatCount } from '../ui/format.ts'
import { When } from '../ui/when.tsx'

interface Props {
  aggregate: Aggregate
  busy: boolean
  retry: (id: number) => void
}

/** One aggregate: what it is, how far it is, and why it is not further. */
export function AggregateCard({ aggregate, busy, retry }: Props) {
  const { id, state, items, sizeBytes, fill, progress, layout, pieceCid, root, reason, attempts } = aggregate
  return (
    <li className={`aggregate aggregate-${state}`}>
      <div className="aggregate-head">
        <strong>No. {id}</strong>
        <span className="aggregate-state">{standingOf(aggregate)}</span>
        <span>
          {formatCount(items)} {items === 1 ? 'item' : 'items'}, {formatBytes(sizeBytes)}
          {fill !== null && `, ${percent(fill)} full`}
        </span>
        {layout === 'segments' && <span>segments</span>}
        <Age aggregate={aggregate} />
        {state === 'failed' && (
          <Button size="small" busy={busy} aria-label={`Build again now: No. ${id}`} onClick={() => retry(id)}>
            Build again now
          </Button>
        )}
      </div>
      {progress !== null && <progress aria-label={`${state} ${id}`} value={progress} />}
      {state === 'failed' && (
        <p className="aggregate-reason">
          {reason}
          {attempts > 1 && ` It has failed ${formatCount(attempts)} times.`}
        </p>
      )}
      {pieceCid && (
        <dl className="aggregate-names">
          <dt>Piece</dt>
          <dd>
            <code>{pieceCid}</code>
          </dd>
          {root && (
            <>
              <dt>Directory</dt>
              <dd>
                <a href={`/ipfs/${root}/`}>
                  <code>{root}</code>
                </a>
              </dd>
            </>
          )}
        </dl>
      )}
    </li>
  )
}

/** How far it is rounded down: 100 % is when it is done. */
function standingOf({ state, progress }: Aggregate): string {
  return progress === null ? state : `${state}, ${Math.floor(progress * 100)} %`
}

function percent(share: number): string {
  return share > 0 && share < 0.01 ? 'less than 1 %' : `${Math.round(share * 100)} %`
}

function Age({ aggregate: { state, builtAt, oldestAt, retryAt, closesAt } }: { aggregate: Aggregate }) {
  if (state === 'failed' && retryAt)
    return (
      <span className="field-hint">
        tried again <When instant={retryAt} />
      </span>
    )
  if (builtAt)
    return (
      <span className="field-hint">
        built <When instant={builtAt} />
      </span>
    )
  if (!oldestAt) return null
  return (
    <span className="field-hint">
      its oldest item came <When instant={oldestAt} />
      {closesAt && (
        <>
          ; closed <When instant={closesAt} /> at the latest
        </>
      )}
    </span>
  )
}
