import type { ReactNode } from 'react'
import { useLocation } from 'wouter'
import { CallFailure, sentenceOf } from '../api/failure.ts'
import { paths } from '../site/paths.ts'
import { Button } from './button.tsx'

/** A message in the page. Failures are announced at once, the rest when there is a pause. */
export function Notice({ kind, children }: { kind: 'good' | 'bad' | 'neutral'; children: ReactNode }) {
  return (
    <div className={`notice notice-${kind}`} role={kind === 'bad' ? 'alert' : 'status'}>
      <NoticeSign kind={kind} />
      <div>{children}</div>
    </div>
  )
}

function NoticeSign({ kind }: { kind: 'good' | 'bad' | 'neutral' }) {
  const path = { good: 'M4 8.5l2.7 2.7L12 5.6', bad: 'M8 4.4v4.4M8 11.4v.2', neutral: 'M8 7.2v4.4M8 4.5v.2' }[kind]
  return (
    <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      <circle cx="8" cy="8" r="7.2" fill="none" stroke="currentColor" strokeWidth="1.3" />
      <path d={path} fill="none" stroke="currentColor" strokeWidth="1.7" strokeLinecap="round" strokeLinejoin="round" />
    </svg>
  )
}

/** What went wrong, and the way to try again where there is one. */
export function FailureNotice({ error, retry }: { error: unknown; retry?: () => void }) {
  const [here] = useLocation()
  const isSignedOut = error instanceof CallFailure && error.code === 'ERROR_NOT_SIGNED_IN' && !here.startsWith(paths.signIn)
  return (
    <Notice kind="bad">
      <p>{sentenceOf(error)}</p>
      {isSignedOut && (
        <a href={`${paths.signIn}?${new URLSearchParams({ next: here })}`} className="button button-small button-main">
          Sign in again
        </a>
      )}
      {retry && (
        <Button size="small" onClick={retry}>
          Try again
        </Button>
      )}
    </Notice>
  )
}
