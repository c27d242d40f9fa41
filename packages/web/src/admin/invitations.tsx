import type { Invitation } from '@keepsake/api/admin.ts'
import { type FormEvent, useCallback, useState } from 'react'
import { call, callWhole } from '../api/call.ts'
import { useResource } from '../api/use-resource.ts'
import { Button } from '../ui/button.tsx'
import { TextField } from '../ui/field.tsx'
import { FailureNotice } from '../ui/notice.tsx'
import { Skeleton } from '../ui/skeleton.tsx'
import { useAction } from '../ui/use-action.ts'
import { When } from '../ui/when.tsx'

/** Who may make an account where accounts are not open to everybody. */
export function Invitations() {
  const list = useResource(useCallback((signal) => call<Invitation[]>('GET', '/account/admin/invitations', { signal }), []))
  const [email, setEmail] = useState('')
  const inviting = useAction(async () => {
    await call('POST', '/account/admin/invitations', { body: { email } })
    setEmail('')
    list.reload()
  })
  const withdrawing = useAction(async (id: number) => {
    await callWhole('DELETE', `/account/admin/invitations/${id}`)
    list.reload()
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (!inviting.busy) void inviting.run()
  }
  return (
    <section className="admin-section" aria-labelledby="invitations">
      <h2 id="invitations">Invitations</h2>
      <form className="row admin-search" onSubmit={submit}>
        <TextField
          label="E-mail address"
          type="email"
          required
          maxLength={254}
          value={email}
          onChange={(event) => setEmail(event.target.value)}
        />
        <Button type="submit" busy={inviting.busy}>
          Invite
        </Button>
      </form>
      {inviting.error !== undefined && <FailureNotice error={inviting.error} />}
      {list.status === 'loading' && <Skeleton lines={2} />}
      {list.status === 'failed' && <FailureNotice error={list.error} retry={list.reload} />}
      {list.value?.length === 0 && <p>Nobody is invited at the moment.</p>}
      <ul className="plain-list">
        {list.value?.map((one) => (
          <li key={one.id}>
            <div>
              <strong>{one.email}</strong>
              <p className="field-hint">
                Invited <When instant={one.created} />
                {one.invitedBy && ` by ${one.invitedBy}`}
              </p>
            </div>
            <Button
              size="small"
              kind="quiet"
              busy={withdrawing.busy}
              aria-label={`Withdraw the invitation of ${one.email}`}
              onClick={() => void withdrawing.run(one.id)}
            >
              Withdraw
            </Button>
          </li>
        ))}
      </ul>
      {withdrawing.error !== undefined && <FailureNotice error={withdrawing.error} />}
    </section>
  )
}
