import type { Aggregates } from '@keepsake/api/aggregates.ts'
import { formatBytes, formatCount } from '../ui/format.ts'
import { When } from '../ui/when.tsx'

type Waiting = Aggregates['waiting']

/** What is in no aggregate yet, and why. */
export function AggregatesWaiting({ waiting }: { waiting: Waiting }) {
  const { obstacles, obstacleCount } = waiting
  return (
    <section className="admin-section" aria-labelledby="waiting">
      <h2 id="waiting">Waiting</h2>
      <Settling waiting={waiting} />
      {obstacleCount > 0 && (
        <>
          <p>
            {counted(obstacleCount, 'upload')} cannot be packed for now; storing {obstacleCount === 1 ? 'it' : 'them'} again
            helps.
          </p>
          <ul className="plain-list">
            {obstacles.map((obstacle) => (
              <Obstacle key={obstacle.cid} obstacle={obstacle} />
            ))}
          </ul>
          {obstacleCount > obstacles.length && <p>And {formatCount(obstacleCount - obstacles.length)} more.</p>}
        </>
      )}
    </section>
  )
}

function Settling({ waiting: { contents, bytes, oldestAt } }: { waiting: Waiting }) {
  if (contents === 0) return <p>No upload waits for its place.</p>
  return (
    <p>
      {counted(contents, 'upload')}, {formatBytes(bytes)}, {contents === 1 ? 'settles' : 'settle'} before getting a place
      {oldestAt && (
        <>
          ; the oldest came <When instant={oldestAt} />
        </>
      )}
      .
    </p>
  )
}

function Obstacle({ obstacle: { cid, reason, attempts, since, retryAt } }: { obstacle: Waiting['obstacles'][number] }) {
  return (
    <li>
      <div>
        <code>{cid}</code>
        <p>{reason}</p>
        <p className="field-hint">
          Found <When instant={since} />, tried {attempts === 1 ? 'once' : `${formatCount(attempts)} times`}; again{' '}
          <When instant={retryAt} />.
        </p>
      </div>
    </li>
  )
}

function counted(count: number, what: string): string {
  return `${formatCount(count)} ${what}${count === 1 ? '' : 's'}`
}
