import type { Proof } from '@keepsake/api/proof.ts'
import type { ProofDocument } from '@keepsake/content/proof/document.ts'
import type { ProofOutcome, ProofReport, Statement, StatementOutcome } from '@keepsake/content/proof/report.ts'
import { useCallback, useEffect, useRef, useState } from 'react'
import { callWhole } from '../api/call.ts'
import { CallFailure } from '../api/failure.ts'
import { useResource } from '../api/use-resource.ts'
import { Button } from '../ui/button.tsx'
import { formatBytes } from '../ui/format.ts'
import { FailureNotice, Notice } from '../ui/notice.tsx'
import { Skeleton } from '../ui/skeleton.tsx'
import { useAction } from '../ui/use-action.ts'
import { ChainCheck } from './chain-check.tsx'
import './proof-check.css'

/** Of a larger content the check takes minutes in a tab; the command does it with all of the machine. */
const maxBytesHere = 64 * 1024 * 1024

/** The proof that a file lies in a piece for Filecoin: to be checked in this browser, and to be taken along. */
export function ProofCheck({ cid }: { cid: string }) {
  const path = `/api/proof/${encodeURIComponent(cid)}`
  const load = useCallback((signal: AbortSignal) => callWhole<Proof>('GET', path, { signal }), [path])
  const proof = useResource(load)
  return (
    <section aria-labelledby="proof-title" className="proof">
      <h2 id="proof-title">Proof</h2>
      {proof.status === 'loading' && <Skeleton lines={2} />}
      {proof.status === 'failed' && <NoProof error={proof.error} retry={proof.reload} />}
      {proof.status === 'ready' && <Check proof={proof.value} path={path} />}
    </section>
  )
}

function NoProof({ error, retry }: { error: unknown; retry: () => void }) {
  if (!(error instanceof CallFailure) || error.status !== 404) return <FailureNotice error={error} retry={retry} />
  return (
    <>
      <p>{error.message}</p>
      <Button size="small" onClick={retry}>
        Look again
      </Button>
    </>
  )
}

function Check({ proof, path }: { proof: Proof; path: string }) {
  const { root, dag } = proof
  const [report, setReport] = useState<ProofReport>()
  const [onChain, setOnChain] = useState<ProofReport>()
  const [bytesRead, setBytesRead] = useState(0)
  const stopping = useRef(new AbortController())
  useEffect(() => {
    const leaving = new AbortController()
    stopping.current = leaving
    return () => leaving.abort()
  }, [])
  const check = useAction(async () => {
    setReport(undefined)
    setOnChain(undefined)
    setBytesRead(0)
    // The verifier comes when somebody wants it, not with the page.
    const { checkProof } = await import('./check-proof.ts')
    setReport(await checkProof(JSON.stringify(proof), { signal: stopping.current.signal, onProgress: setBytesRead }))
  })
  const isTooLarge = dag.bytes > maxBytesHere
  return (
    <>
      <p>
        It shows where the bytes of this file lie in a piece for Filecoin, to anybody who has them.{' '}
        {isTooLarge
          ? `${formatBytes(dag.bytes)} are more than a browser should be kept busy with. Check it with the command:`
          : `Checking it reads all ${formatBytes(dag.bytes)} again and computes every hash in this browser.`}
      </p>
      {isTooLarge && <code className="cid">npx keepsake verify {root}</code>}
      <p className="proof-actions">
        {!isTooLarge && (
          <Button onClick={() => void check.run()} busy={check.busy}>
            Check it here
          </Button>
        )}
        <a href={path} download={`${root}.proof.json`} className="button">
          Download the proof
        </a>
      </p>
      <div aria-live="polite">
        {check.busy && bytesRead > 0 && <p className="proof-progress">{formatBytes(bytesRead)} read and checked</p>}
        {report && <Report report={onChain ?? report} />}
      </div>
      {report && <ChainCheck document={proof as ProofDocument} report={report} onReport={setOnChain} />}
      {check.error !== undefined && <FailureNotice error={check.error} />}
    </>
  )
}

const summaries: Record<ProofOutcome, { kind: 'good' | 'bad' | 'neutral'; text: string }> = {
  verified: { kind: 'good', text: 'Verified in this browser. All that the proof claims was recomputed, and is true.' },
  failed: { kind: 'bad', text: 'Not true. Something that the proof claims was found to be false.' },
  incomplete: { kind: 'neutral', text: 'Not all that the proof claims could be checked. Nothing was found to be false.' },
}

const groups: { outcome: StatementOutcome; title: string }[] = [
  { outcome: 'failed', title: 'False' },
  { outcome: 'checked', title: 'Checked' },
  { outcome: 'left', title: 'Could not be checked' },
  { outcome: 'beyond', title: 'What this proof cannot show' },
]

function Report({ report: { outcome, statements } }: { report: ProofReport }) {
  const { kind, text } = summaries[outcome]
  return (
    <>
      <Notice kind={kind}>
        <p>{text}</p>
      </Notice>
      {groups.map((group) => (
        <Statements
          key={group.outcome}
          title={group.title}
          statements={statements.filter((one) => one.outcome === group.outcome)}
        />
      ))}
    </>
  )
}

function Statements({ title, statements }: { title: string; statements: readonly Statement[] }) {
  if (statements.length === 0) return null
  return (
    <>
      <h3>{title}</h3>
      <ul className="proof-statements">
        {statements.map(({ outcome, text }) => (
          <li key={text} className={`proof-${outcome}`}>
            {text}
          </li>
        ))}
      </ul>
    </>
  )
}
