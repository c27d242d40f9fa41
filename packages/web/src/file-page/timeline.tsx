import type { Nft } from '@keepsake/api/nft.ts'
import type { ReactNode } from 'react'
import { CopyButton } from '../ui/copy-button.tsx'
import { formatBytes, formatCount, formatInstant } from '../ui/format.ts'
import { When } from '../ui/when.tsx'

/** What is known of a file, in the order in which it becomes true. Nothing is in it that this server does not do. */
export function Timeline({ file }: { file: Nft }) {
  const { pin, created, size } = file
  const isComplete = pin.status === 'pinned'
  return (
    <section aria-labelledby="timeline-title">
      <h2 id="timeline-title">Where it stands</h2>
      <ol className="timeline">
        <Fact title="Received" isReached instant={created}>
          <p>
            {file.scope === 'session' ? 'From a browser that was signed in.' : <>With the key “{file.scope}”.</>}{' '}
            {file.parts.length > 0 &&
              `It came in ${formatCount(file.parts.length)} ${file.parts.length === 1 ? 'part' : 'parts'}.`}
          </p>
          <Parts parts={file.parts} />
        </Fact>
        <Fact title="Verified" isReached>
          <p>
            The hash of every block was computed here and is the one in its CID. What fails that is refused, so it is never
            listed.
          </p>
        </Fact>
        <Fact title={isComplete ? 'Complete' : 'Waiting for the rest'} isReached={isComplete}>
          {isComplete ? (
            <p>
              Every block below the CID is here and in the index by which it is served
              {size > 0 && <>: {formatBytes(size)}</>}.
            </p>
          ) : (
            <Missing pin={pin} since={created} />
          )}
        </Fact>
        <Fact title="Pinned" isReached={isComplete}>
          <p>
            {isComplete
              ? 'This server keeps it, and serves it by its CID, until you delete it.'
              : 'When it is complete, this server pins it by itself.'}
          </p>
        </Fact>
      </ol>
    </section>
  )
}

interface FactProps {
  title: string
  isReached: boolean
  instant?: string
  children: ReactNode
}

function Fact({ title, isReached, instant, children }: FactProps) {
  return (
    <li className={isReached ? 'fact fact-reached' : 'fact'}>
      <h3>
        {title}
        {!isReached && <span className="visually-hidden"> (not yet)</span>}
        {instant && (
          <span className="fact-when">
            {formatInstant(instant)} (<When instant={instant} />)
          </span>
        )}
      </h3>
      {children}
    </li>
  )
}

const partsShown = 3

function Parts({ parts }: { parts: readonly string[] }) {
  if (parts.length === 0) return null
  const list = (some: readonly string[]) => (
    <ul className="parts">
      {some.map((part) => (
        <li key={part}>
          <span className="cid">{part}</span>
          <CopyButton text={part} label={`Copy the CID of the part ${part}`} />
        </li>
      ))}
    </ul>
  )
  return (
    <details className="parts-box">
      <summary>
        {parts.length === 1 ? 'The CAR it is stored in' : `The ${formatCount(parts.length)} CARs it is stored in`}
      </summary>
      {list(parts.length <= partsShown ? parts : parts.slice(0, 200))}
      {parts.length > 200 && <p>And {formatCount(parts.length - 200)} more.</p>}
    </details>
  )
}

function Missing({ pin: { missing }, since }: { pin: Nft['pin']; since: string }) {
  if (!missing || (missing.blocks === 0 && !missing.reason)) {
    return (
      <p>
        Being indexed since <When instant={since} />. That takes seconds as a rule.
      </p>
    )
  }
  return (
    <>
      <p>
        {missing.reason ?? (
          <>
            {formatCount(missing.blocks)} {missing.blocks === 1 ? 'block is' : 'blocks are'} known to be missing, since{' '}
            <When instant={since} />. Each may lead to more. Send them in another CAR with the same root; what is here stays.
          </>
        )}
      </p>
      {missing.cids.length > 0 && (
        <ul className="parts">
          {missing.cids.map((cid) => (
            <li key={cid}>
              <span className="cid">{cid}</span>
              <CopyButton text={cid} label={`Copy the CID of the missing block ${cid}`} />
            </li>
          ))}
        </ul>
      )}
    </>
  )
}
