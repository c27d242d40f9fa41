import { type FormEvent, useState } from 'react'
import { call } from '../api/call.ts'
import { Button } from '../ui/button.tsx'
import { TextField } from '../ui/field.tsx'
import { FailureNotice, Notice } from '../ui/notice.tsx'
import { useAction } from '../ui/use-action.ts'

interface Asked {
  expiresInSeconds: number
  /** Only from a server without mail, to a browser on the same machine. */
  link?: string
}

/** Asks for a link by mail, and says where to look for it. */
export function EmailForm({ next, isSent, route = '/account/sign-in/email' }: { next: string; isSent: boolean; route?: string }) {
  const [email, setEmail] = useState('')
  const [asked, setAsked] = useState<Asked>()
  const asking = useAction(async () => setAsked(await call<Asked>('POST', route, { body: { email, next } })))
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (!asking.busy) void asking.run()
  }
  if (asked) return <LinkAsked email={email} asked={asked} isSent={isSent} again={() => setAsked(undefined)} />
  return (
    <form onSubmit={submit} className="stack">
      <TextField
        label="E-mail address"
        type="email"
        name="email"
        autoComplete="email webauthn"
        required
        maxLength={254}
        value={email}
        onChange={(event) => setEmail(event.target.value)}
        placeholder="you@example.com"
      />
      {asking.error !== undefined && <FailureNotice error={asking.error} />}
      <Button kind="main" type="submit" busy={asking.busy}>
        {isSent ? 'Send me a link' : 'Make a link'}
      </Button>
    </form>
  )
}

function LinkAsked({ email, asked, isSent, again }: { email: string; asked: Asked; isSent: boolean; again: () => void }) {
  const minutes = Math.round(asked.expiresInSeconds / 60)
  return (
    <div className="stack">
      {asked.link ? (
        <Notice kind="neutral">
          <p>This server sends no mail yet, and only this machine can reach it. So here is the link for {email}:</p>
          <p>
            <a href={asked.link} className="button button-main">
              Open the link
            </a>
          </p>
        </Notice>
      ) : (
        <Notice kind="good">
          <p>
            {isSent ? (
              <>
                If <strong>{email}</strong> can sign in here, a link is on its way. It works once, for {minutes} minutes, best in
                this browser.
              </>
            ) : (
              <>
                This server sends no mail. The link for <strong>{email}</strong> is in its log: ask whoever runs it.
              </>
            )}
          </p>
        </Notice>
      )}
      <Button kind="quiet" onClick={again}>
        Use another address
      </Button>
    </div>
  )
}
