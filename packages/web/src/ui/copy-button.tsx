import { useEffect, useState } from 'react'
import { Button } from './button.tsx'

/** Puts a text on the clipboard and says so. `label` is read to people who do not see what stands beside it. */
export function CopyButton({ text, label, children = 'Copy' }: { text: string; label: string; children?: string }) {
  const [outcome, setOutcome] = useState<'none' | 'copied' | 'failed'>('none')
  useEffect(() => {
    if (outcome === 'none') return
    const timer = setTimeout(() => setOutcome('none'), 2000)
    return () => clearTimeout(timer)
  }, [outcome])
  const copy = () =>
    navigator.clipboard.writeText(text).then(
      () => setOutcome('copied'),
      () => setOutcome('failed'),
    )
  return (
    <Button size="small" kind="quiet" className="copy-button" aria-label={label} onClick={() => void copy()}>
      <span aria-live="polite">{{ none: children, copied: 'Copied', failed: 'Select and copy it by hand' }[outcome]}</span>
    </Button>
  )
}
