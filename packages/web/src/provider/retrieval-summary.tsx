import type { RetrievalRecord } from '@keepsake/api/retrievals.ts'
import { formatBytes, formatCount } from '../ui/format.ts'
import { When } from '../ui/when.tsx'

/** How a provider gives back what it stores, in a word or two. */
export function StandingTag({ retrievals: { standing, checks, verified } }: { retrievals: RetrievalRecord }) {
  return (
    <span className={`badge retrieval-tag retrieval-tag-${standing}`}>
      {checks === 0 ? standing : `${standing}, ${formatCount(Math.floor((100 * verified) / checks))} %`}
    </span>
  )
}

/** The same in a sentence, with how fast. */
export function RetrievalSummary({ retrievals }: { retrievals: RetrievalRecord }) {
  const { checks, verified, firstByteMs, bytesPerSecond, lastAt, lastFailure, lastFailureAt } = retrievals
  if (checks === 0) return <p>This server has not asked for any of it in the last days.</p>
  return (
    <>
      <p>
        Of the last {formatCount(checks)} times this server asked for some of it, as a stranger would,{' '}
        {verified === checks ? 'all' : formatCount(verified)} went well
        {firstByteMs !== null && `, with the first byte after ${formatCount(Math.round(firstByteMs))} ms`}
        {bytesPerSecond !== null && ` and ${formatBytes(bytesPerSecond)} a second`}.
        {lastAt && (
          <>
            {' '}
            Last asked <When instant={lastAt} />.
          </>
        )}
      </p>
      {lastFailure && lastFailureAt && (
        <p className="retrieval-failure">
          Last failure, <When instant={lastFailureAt} />: {lastFailure}
        </p>
      )}
    </>
  )
}
