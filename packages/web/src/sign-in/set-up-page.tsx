import type { SignedIn } from '@keepsake/api/account.ts'
import { type FormEvent, useState } from 'react'
import { call } from '../api/call.ts'
import { Mark } from '../site/mark.tsx'
import { Button } from '../ui/button.tsx'
import { TextField } from '../ui/field.tsx'
import { FailureNotice, Notice } from '../ui/notice.tsx'
import { useTitle } from '../ui/page.tsx'
import { useAction } from '../ui/use-action.ts'
import { useArrival } from './use-arrival.ts'

/** Where the link in the log of a new server leads: its first administrator is made here. */
export default function SetUpPage() {
  useTitle('Set up this server')
  const [token] = useState(() => location.hash.slice(1))
  const [email, setEmail] = useState('')
  const arrive = useArrival()
  const settingUp = useAction(async () => {
    const { next } = await call<SignedIn>('POST', '/account/set-up', { body: { token, email } })
    history.replaceState(null, '', location.pathname)
    await arrive(next)
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (!settingUp.busy) void settingUp.run()
  }
  return (
    <div className="page page-narrow">
      <section className="card sign-in" aria-labelledby="set-up-title">
        <Mark />
        <h1 id="set-up-title">Set up this server</h1>
        <p className="lead">You have the link from its log, so you run it. Which address is the administrator's?</p>
        {token === '' ? (
          <Notice kind="bad">
            <p>A part of the link is missing. Copy it whole from the log of the server.</p>
          </Notice>
        ) : (
          <form onSubmit={submit} className="stack">
            <TextField
              label="E-mail address of the administrator"
              type="email"
              autoComplete="email"
              required
              maxLength={254}
              value={email}
              onChange={(event) => setEmail(event.target.value)}
            />
            {settingUp.error !== undefined && <FailureNotice error={settingUp.error} />}
            <Button kind="main" type="submit" busy={settingUp.busy}>
              Become the administrator
            </Button>
          </form>
        )}
      </section>
    </div>
  )
}
