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
  const { id, state, items, sizeBytes, layout, pieceCid, root, reason, progress } = aggregate
  return (
    <li className={`aggregate aggregate-${state}`}>
      <div className="aggregate-head">
        <strong>No. {id}</strong>
        <span className="aggregate-state">{standingOf(aggregate)}</span>
        <span>
          {formatCount(items)} {items === 1 ? 'item' : 'items'}, {formatBytes(sizeBytes)}
        </span>
        {layout === 'segments' && <span>segments</span>}
        <Age aggregate={aggregate} />
        {state === 'failed' && (
          <Button size="small" busy={busy} aria-label={`Build ${id} again now`} onClick={() => retry(id)}>
            Build again now
          </Button>
        )}
      </div>
      {progress !== null && <progress aria-label={`${state} ${id}`} value={progress} />}
      {state === 'failed' && <p className="aggregate-reason">{reason}</p>}
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

function standingOf({ state, fill, progress }: Aggregate): string {
  if (state === 'collecting' && fill !== null) return `collecting, ${percent(fill)} full`
  return progress === null ? state : `${state}, ${percent(progress)}`
}

/** Rounded down: 100 % is when it is done. */
function percent(share: number): string {
  return `${Math.floor(share * 100)} %`
}

function Age({ aggregate: { state, builtAt, oldestAt, retryAt } }: { aggregate: Aggregate }) {
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
    </span>
  )
}
