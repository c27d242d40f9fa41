import { useEffect, useRef, useState } from 'react'
import { Link } from 'wouter'
import { call } from '../api/call.ts'
import { CallFailure } from '../api/failure.ts'
import { Mark } from '../site/mark.tsx'
import { paths } from '../site/paths.ts'
import { Button } from '../ui/button.tsx'
import { FailureNotice, Notice } from '../ui/notice.tsx'
import { useTitle } from '../ui/page.tsx'
import { Skeleton } from '../ui/skeleton.tsx'
import { useAction } from '../ui/use-action.ts'
import { useArrival } from './use-arrival.ts'

type Opened =
  | { status: 'confirm'; email: string }
  | { status: 'signed-in'; isNew: boolean; next: string }
  | { status: 'added'; email: string; next: string }

/** Where the link from a mail leads: it is used here, once, at once in the browser that asked and after a question in any other. */
export default function LinkPage() {
  useTitle('Sign in')
  const [token] = useState(() => location.hash.slice(1))
  const [asksFor, setAsksFor] = useState<string>()
  const arrive = useArrival()
  const opening = useAction(async (confirm: boolean) => {
    if (!token) throw new CallFailure('ERROR_LINK_INVALID', 0, 'A part of this link is missing. Copy it whole from the mail.')
    const opened = await call<Opened>('POST', '/account/sign-in/email/open', { body: { token, confirm } })
    if (opened.status === 'confirm') setAsksFor(opened.email)
    else await arrive(opened.status === 'added' ? paths.settings : opened.next)
  })
  const hasBegun = useRef(false)
  useEffect(() => {
    if (hasBegun.current) return
    hasBegun.current = true
    // Gone from the address and the history: the link works once, but it need not be seen.
    history.replaceState(null, '', location.pathname)
    void opening.run(false)
  })
  return (
    <div className="page page-narrow">
      <section className="card sign-in" aria-labelledby="link-title">
        <Mark />
        <h1 id="link-title">Your link</h1>
        {opening.error !== undefined && <FailureNotice error={opening.error} />}
        {opening.error !== undefined && (
          <p>
            <Link href={paths.signIn} className="button button-main">
              Ask for another link
            </Link>
          </p>
        )}
        {opening.error === undefined && asksFor === undefined && <Skeleton lines={2} />}
        {opening.error === undefined && asksFor !== undefined && (
          <Notice kind="neutral">
            <p>
              Another browser asked for this link. Do you want to sign in here as <strong>{asksFor}</strong>?
            </p>
            <p>If you did not ask for it, close this page: somebody may want you in their account.</p>
            <Button kind="main" busy={opening.busy} onClick={() => void opening.run(true)}>
              Sign in as {asksFor}
            </Button>
          </Notice>
        )}
      </section>
    </div>
  )
}
