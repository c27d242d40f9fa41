import type { DealDetails } from '@keepsake/api/deals.ts'
import { type FormEvent, useState } from 'react'
import { call } from '../api/call.ts'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { TextField } from '../ui/field.tsx'
import { FailureNotice } from '../ui/notice.tsx'
import { useAction } from '../ui/use-action.ts'

/** Proposes an aggregate to a provider of the operator's choice. */
export function ProposeDialog({ onClose }: { onClose: () => void }) {
  const [aggregate, setAggregate] = useState('')
  const [provider, setProvider] = useState('')
  const [force, setForce] = useState(false)
  const proposing = useAction(async () => {
    const body = { aggregate: Number(aggregate), provider: provider.trim(), force }
    await call<DealDetails>('POST', '/account/admin/deals', { body })
    onClose()
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (!proposing.busy) void proposing.run()
  }
  return (
    <Dialog title="Propose a deal" onClose={onClose}>
      <form onSubmit={submit}>
        <div className="dialog-body">
          <TextField
            label="Aggregate"
            hint="Its number, as on the page of aggregates."
            inputMode="numeric"
            pattern="[1-9]\d*"
            required
            value={aggregate}
            onChange={(event) => setAggregate(event.target.value)}
          />
          <TextField
            label="Storage provider"
            hint="One that is registered here, as in f01234."
            pattern="[ft]0\d+"
            required
            value={provider}
            onChange={(event) => setProvider(event.target.value)}
          />
          <label className="switch">
            <input type="checkbox" checked={force} onChange={(event) => setForce(event.target.checked)} />
            <span>Also where there are as many live deals as wanted</span>
          </label>
          {proposing.error !== undefined && <FailureNotice error={proposing.error} />}
        </div>
        <div className="dialog-actions">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="main" busy={proposing.busy}>
            Propose
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
