import type { Deal } from '@keepsake/api/deals.ts'
import { useState } from 'react'
import { call } from '../api/call.ts'
import { Button } from '../ui/button.tsx'
import { Confirm } from '../ui/confirm.tsx'
import { FailureNotice } from '../ui/notice.tsx'
import { useAction } from '../ui/use-action.ts'

/** What can be done about a deal as it stands. */
export function DealActions({ deal, onDone }: { deal: Deal; onDone: () => void }) {
  const { id, state } = deal
  const [asking, setAsking] = useState(false)
  const retrying = useAction(async () => {
    await call('POST', `/account/admin/deals/${id}/retry`)
    onDone()
  })
  const cancel = async () => {
    await call('POST', `/account/admin/deals/${id}/cancel`, { body: {} })
    setAsking(false)
    onDone()
  }
  return (
    <span className="deal-actions">
      {(state === 'failed' || state === 'terminated') && (
        <Button size="small" busy={retrying.busy} aria-label={`Propose deal ${id} again`} onClick={() => void retrying.run()}>
          Propose again
        </Button>
      )}
      {(state === 'reserved' || state === 'proposed' || state === 'delivered') && (
        <Button size="small" kind="quiet" aria-label={`Cancel deal ${id}`} onClick={() => setAsking(true)}>
          Cancel
        </Button>
      )}
      {retrying.error !== undefined && <FailureNotice error={retrying.error} />}
      {asking && (
        <Confirm title={`Cancel deal ${id}?`} action="Cancel the deal" onConfirm={cancel} onClose={() => setAsking(false)}>
          <p>
            The piece is offered to others.{' '}
            {state === 'delivered' &&
              `The provider has the proposal, and can publish it until its start (epoch ${deal.startEpoch}); it would be shown then.`}
          </p>
        </Confirm>
      )}
    </span>
  )
}
