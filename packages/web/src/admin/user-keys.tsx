import type { AdminKey } from '@keepsake/api/admin.ts'
import { useState } from 'react'
import { callWhole } from '../api/call.ts'
import { Button } from '../ui/button.tsx'
import { Confirm } from '../ui/confirm.tsx'
import { TextField } from '../ui/field.tsx'
import { FailureNotice } from '../ui/notice.tsx'
import { useAction } from '../ui/use-action.ts'
import { When } from '../ui/when.tsx'

/** The keys of an account, and blocking them with a reason that is told to whoever uses them. */
export function UserKeys({ keys, changed }: { keys: AdminKey[]; changed: () => void }) {
  const [blocking, setBlocking] = useState<AdminKey>()
  const [reason, setReason] = useState('')
  const block = async (key: AdminKey) => {
    if (!reason.trim()) throw new Error('Say why: it is told to whoever uses the key.')
    await callWhole('PUT', `/account/admin/keys/${key.id}/block`, { body: { reason: reason.trim() } })
    setBlocking(undefined)
    setReason('')
    changed()
  }
  const unblocking = useAction(async (key: AdminKey) => {
    await callWhole('DELETE', `/account/admin/keys/${key.id}/block`)
    changed()
  })
  return (
    <section className="settings-section" aria-labelledby="user-keys">
      <h2 id="user-keys">Keys</h2>
      {keys.length === 0 && <p>None.</p>}
      <ul className="plain-list">
        {keys.map((key) => (
          <li key={key.id}>
            <div>
              <strong>
                <bdi>{key.name}</bdi>
              </strong>{' '}
              <span className="badge">{key.scope}</span>{' '}
              {key.blockedReason !== null && <span className="badge badge-bad">blocked: {key.blockedReason}</span>}
              <p className="field-hint">
                Made <When instant={key.created} />,{' '}
                {key.lastUsed ? (
                  <>
                    used <When instant={key.lastUsed} />
                  </>
                ) : (
                  'never used'
                )}
              </p>
            </div>
            {key.blockedReason === null ? (
              <Button size="small" kind="danger" aria-label={`Block ${key.name}`} onClick={() => setBlocking(key)}>
                Block
              </Button>
            ) : (
              <Button
                size="small"
                busy={unblocking.busy}
                aria-label={`Unblock ${key.name}`}
                onClick={() => void unblocking.run(key)}
              >
                Unblock
              </Button>
            )}
          </li>
        ))}
      </ul>
      {unblocking.error !== undefined && <FailureNotice error={unblocking.error} />}
      {blocking && (
        <Confirm
          title="Block this key?"
          action="Block the key"
          onConfirm={() => block(blocking)}
          onClose={() => setBlocking(undefined)}
        >
          <TextField
            label="Why"
            maxLength={500}
            value={reason}
            onChange={(event) => setReason(event.target.value)}
            hint={`Whoever uses ${blocking.name} is told this.`}
          />
        </Confirm>
      )}
    </section>
  )
}
