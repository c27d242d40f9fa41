import type { Evidence, TimelineStep, Verification } from '@keepsake/api/timeline.ts'
import { CodeBlock } from '../ui/code-block.tsx'
import { CopyButton } from '../ui/copy-button.tsx'
import { formatBytes, formatCount, formatInstant } from '../ui/format.ts'
import { When } from '../ui/when.tsx'

interface TimelineProps {
  steps: readonly TimelineStep[]
  /** Whether what happens from now on shows by itself. */
  isLive: boolean
}

/** What is known of a file, in the order in which it becomes true, as the server tells it. */
export function Timeline({ steps, isLive }: TimelineProps) {
  return (
    <section aria-labelledby="timeline-title">
      <div className="timeline-head">
        <h2 id="timeline-title">Where it stands</h2>
        <span className={isLive ? 'live live-on' : 'live'} title={isLive ? 'Changes show by themselves' : 'Connecting again'}>
          {isLive ? 'Live' : 'Not live'}
        </span>
      </div>
      <ol className="timeline" aria-live="polite" aria-relevant="additions text">
        {steps.map((step) => (
          <Step key={step.step} step={step} />
        ))}
      </ol>
    </section>
  )
}

const spoken = { done: '', waiting: ' (not yet)', failed: ' (failed)' }

function Step({
  step: { state, title, text, at, since, nextAt, evidence, evidenceOmitted = 0, checks },
}: {
  step: TimelineStep
}) {
  return (
    <li className={`fact fact-${state}`}>
      <h3>
        {title}
        {state !== 'done' && <span className="visually-hidden">{spoken[state]}</span>}
        {at && <Instant instant={at} />}
      </h3>
      <p>{text}</p>
      {(since || nextAt) && (
        <p className="fact-wait">
          {since && (
            <>
              Waiting since {formatInstant(since)} (<When instant={since} />
              ).
            </>
          )}{' '}
          {nextAt && <>Tried again {formatInstant(nextAt)}.</>}
        </p>
      )}
      <EvidenceList evidence={evidence} omitted={evidenceOmitted} />
      <Checks checks={checks} title={title} />
    </li>
  )
}

function Instant({ instant }: { instant: string }) {
  return (
    <span className="fact-when">
      {formatInstant(instant)} (<When instant={instant} />)
    </span>
  )
}

/** More than this is shown when asked for. */
const evidenceShown = 3

function EvidenceList({ evidence, omitted }: { evidence: readonly Evidence[]; omitted: number }) {
  if (evidence.length === 0) return null
  const rows = (some: readonly Evidence[]) => (
    <dl className="evidence">
      {some.map((one) => (
        <EvidenceRow key={`${one.label} ${one.value}`} evidence={one} />
      ))}
    </dl>
  )
  const rest = evidence.slice(evidenceShown)
  const count = rest.length + omitted
  return (
    <>
      {rows(evidence.slice(0, evidenceShown))}
      {rest.length > 0 && (
        <details className="evidence-more">
          <summary>{formatCount(count)} more</summary>
          {rows(rest)}
          {omitted > 0 && <p>And {formatCount(omitted)} that are not listed here.</p>}
        </details>
      )}
      {rest.length === 0 && omitted > 0 && <p>And {formatCount(omitted)} more.</p>}
    </>
  )
}

function EvidenceRow({ evidence: { label, value, kind, href } }: { evidence: Evidence }) {
  const text = shownAs[kind](value)
  return (
    <div>
      <dt>{label}</dt>
      <dd>
        {href ? (
          <a href={href} className={kind === 'id' ? 'cid' : undefined}>
            {text}
          </a>
        ) : (
          <span className={kind === 'id' ? 'cid' : undefined}>{text}</span>
        )}
        {kind === 'id' && <CopyButton text={value} label={`Copy: ${label} ${value}`} />}
      </dd>
    </div>
  )
}

const shownAs: Record<Evidence['kind'], (value: string) => string> = {
  id: (value) => value,
  text: (value) => value,
  bytes: (value) =>
    Number(value) < 1024 ? formatBytes(Number(value)) : `${formatBytes(Number(value))} (${formatCount(Number(value))} bytes)`,
  instant: formatInstant,
}

function Checks({ checks, title }: { checks: readonly Verification[]; title: string }) {
  if (checks.length === 0) return null
  return (
    <details className="fact-checks">
      <summary>Check this yourself</summary>
      {checks.map(({ tells, command, href }) => (
        <div key={tells} className="fact-check">
          <p>{href ? <a href={href}>{tells}</a> : tells}</p>
          {command && <CodeBlock code={command} label={`Command: ${title}`} />}
        </div>
      ))}
    </details>
  )
}
