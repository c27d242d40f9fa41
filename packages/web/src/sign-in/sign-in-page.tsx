import type { SignInOptions } from '@keepsake/api/account.ts'
import { useCallback } from 'react'
import { Redirect, useSearch } from 'wouter'
import { call } from '../api/call.ts'
import { useResource } from '../api/use-resource.ts'
import { useSession } from '../session/session.tsx'
import { Mark } from '../site/mark.tsx'
import { FailureNotice, Notice } from '../ui/notice.tsx'
import { useTitle } from '../ui/page.tsx'
import { Skeleton } from '../ui/skeleton.tsx'
import { EmailForm } from './email-form.tsx'
import { OtherWays } from './other-ways.tsx'
import { nextOf } from './use-arrival.ts'

const signUpSentence: Record<SignInOptions['signUp'], string> = {
  open: 'New here? The same way makes your account.',
  invited: 'New accounts are made by invitation. Ask whoever runs this server.',
  closed: 'This server takes no new accounts.',
}

export default function SignInPage() {
  useTitle('Sign in')
  const session = useSession()
  const search = useSearch()
  const next = nextOf(search)
  const options = useResource(useCallback((signal) => call<SignInOptions>('GET', '/account/sign-in', { signal }), []))
  const refused = new URLSearchParams(search).get('message')
  if (session.status === 'signed-in') return <Redirect to={next} replace />
  return (
    <div className="page page-narrow">
      <section className="card sign-in" aria-labelledby="sign-in-title">
        <Mark />
        <h1 id="sign-in-title">Sign in</h1>
        {refused && (
          <Notice kind="bad">
            <p>You were not signed in: {refused}</p>
          </Notice>
        )}
        {options.status === 'loading' && <Skeleton lines={4} />}
        {options.status === 'failed' && <FailureNotice error={options.error} retry={options.reload} />}
        {options.status === 'ready' && (
          <>
            <p className="lead">{signUpSentence[options.value.signUp]}</p>
            <EmailForm next={next} isSent={options.value.email.sends} />
            <OtherWays options={options.value} next={next} />
          </>
        )}
      </section>
    </div>
  )
}
