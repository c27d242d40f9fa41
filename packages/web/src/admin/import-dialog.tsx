import type { ImportOutcomes } from '@keepsake/api/deals.ts'
import { type FormEvent, useId, useState } from 'react'
import { call } from '../api/call.ts'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { FailureNotice } from '../ui/notice.tsx'
import { useAction } from '../ui/use-action.ts'

/** Takes the chain's numbers of deals that were handed over by other means, and says what the chain said to each. */
export function ImportDialog({ onClose }: { onClose: () => void }) {
  const id = useId()
  const [text, setText] = useState('')
  const [outcomes, setOutcomes] = useState<ImportOutcomes['outcomes']>([])
  const importing = useAction(async () => {
    const found = await call<ImportOutcomes>('POST', '/account/admin/deals/import', { body: { text } })
    setOutcomes(found.outcomes)
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (!importing.busy) void importing.run()
  }
  return (
    <Dialog title="Import numbers of deals" onClose={onClose}>
      <form onSubmit={submit}>
        <div className="dialog-body">
          <div className="field">
            <label htmlFor={id}>Deals and their numbers on the chain</label>
            <textarea
              id={id}
              rows={6}
              required
              placeholder="7=4821234"
              aria-describedby={`${id}-hint`}
              value={text}
              onChange={(event) => setText(event.target.value)}
            />
            <p className="field-hint" id={`${id}-hint`}>
              One a line; or an export in which each chainDealId is filled in. Every one is checked against the chain.
            </p>
          </div>
          {importing.error !== undefined && <FailureNotice error={importing.error} />}
          <ul className="import-outcomes" aria-live="polite">
            {outcomes.map(({ deal, chainDealId, outcome, reason }) => (
              <li key={`${deal}=${chainDealId}`} className={`import-${outcome}`}>
                <strong>
                  Deal {deal}: {outcome === 'refused' ? 'refused' : `number ${chainDealId}`}
                </strong>
                {outcome === 'known' && ' It was known.'}
                {reason && <p>{reason}</p>}
              </li>
            ))}
          </ul>
        </div>
        <div className="dialog-actions">
          <Button onClick={onClose}>{outcomes.length > 0 ? 'Close' : 'Cancel'}</Button>
          <Button type="submit" kind="main" busy={importing.busy}>
            Check and import
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
