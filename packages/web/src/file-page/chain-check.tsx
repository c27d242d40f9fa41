import type { ProofDocument } from '@keepsake/content/proof/document.ts'
import type { ProofReport } from '@keepsake/content/proof/report.ts'
import { type FormEvent, useCallback, useEffect, useRef, useState } from 'react'
import { useResource } from '../api/use-resource.ts'
import { Button } from '../ui/button.tsx'
import { TextField } from '../ui/field.tsx'
import { FailureNotice } from '../ui/notice.tsx'
import { Skeleton } from '../ui/skeleton.tsx'
import { useAction } from '../ui/use-action.ts'
import { suggestNode } from './chain-nodes.ts'

interface Props {
  document: ProofDocument
  /** What was found without the chain. */
  report: ProofReport
  onReport: (report: ProofReport) => void
}

/** Whether the deals that a proof names are there and proven, by a Filecoin node of the visitor's choice. */
export function ChainCheck({ document, report, onReport }: Props) {
  const network = document.places.flatMap(({ deals }) => deals)[0]?.network
  if (network === undefined) return null
  return <Ask network={network} document={document} report={report} onReport={onReport} />
}

function Ask({ network, document, report, onReport }: Props & { network: string }) {
  const suggested = useResource(useCallback((signal: AbortSignal) => suggestNode(network, signal), [network]))
  const [typed, type] = useState<string>()
  const leaving = useRef(new AbortController())
  useEffect(() => {
    leaving.current = new AbortController()
    return () => leaving.current.abort()
  }, [])
  const url = typed ?? suggested.value?.url ?? ''
  const asking = useAction(async () => {
    const { askChain } = await import('./ask-chain.ts')
    onReport(await askChain({ document, report, url }, leaving.current.signal))
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (!asking.busy) void asking.run()
  }
  if (suggested.status === 'loading') return <Skeleton lines={2} />
  return (
    <form className="proof-chain" onSubmit={submit}>
      <TextField
        label={`Filecoin node to ask about ${network}`}
        type="url"
        required
        pattern="https?://.+"
        spellCheck={false}
        value={url}
        hint={suggested.value?.hint}
        onChange={({ target }) => type(target.value)}
      />
      <Button type="submit" busy={asking.busy}>
        Ask the chain
      </Button>
      {asking.error !== undefined && <FailureNotice error={asking.error} />}
    </form>
  )
}
