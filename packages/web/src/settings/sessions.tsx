import type { Session } from '@keepsake/api/account.ts'
import { useCallback, useState } from 'react'
import { call, callWhole } from '../api/call.ts'
import { useResource } from '../api/use-resource.ts'
import { useSession } from '../session/session.tsx'
import { Button } from '../ui/button.tsx'
import { Confirm } from '../ui/confirm.tsx'
import { FailureNotice } from '../ui/notice.tsx'
import { Skeleton } from '../ui/skeleton.tsx'
import { useAction } from '../ui/use-action.ts'
import { When } from '../ui/when.tsx'
import { nameBrowser } from './name-browser.ts'

const waySaid: Record<string, string> = {
  email: 'by e-mail',
  passkey: 'with a passkey',
  wallet: 'with a wallet',
  github: 'with GitHub',
  'set-up': 'by setting up the server',
}

/** Where one is signed in, and ending it. */
export function Sessions() {
  const { refresh } = useSession()
  const sessions = useResource(useCallback((signal) => call<Session[]>('GET', '/account/sessions', { signal }), []))
  const [isAsking, setIsAsking] = useState(false)
  const ending = useAction(async (id: number) => {
    await callWhole('DELETE', `/account/sessions/${id}`)
    sessions.reload()
  })
  const signOutEverywhere = async () => {
    await callWhole('DELETE', '/account/sessions')
    await refresh()
  }
  return (
    <section className="settings-section" aria-labelledby="sessions">
      <h2 id="sessions">Where you are signed in</h2>
      {sessions.status === 'loading' && <Skeleton />}
      {sessions.status === 'failed' && <FailureNotice error={sessions.error} retry={sessions.reload} />}
      {sessions.value && (
        <ul className="plain-list">
          {sessions.value.map((one) => (
            <li key={one.id}>
              <div>
                <strong>{nameBrowser(one.userAgent)}</strong> {one.isCurrent && <span className="badge">this browser</span>}
                <p className="field-hint">
                  Signed in {waySaid[one.way] ?? `by ${one.way}`} <When instant={one.created} />, used{' '}
                  <When instant={one.lastUsed} />
                </p>
              </div>
              {!one.isCurrent && (
                <Button size="small" kind="quiet" busy={ending.busy} onClick={() => void ending.run(one.id)}>
                  End
                </Button>
              )}
            </li>
          ))}
        </ul>
      )}
      {ending.error !== undefined && <FailureNotice error={ending.error} />}
      <div className="button-row">
        <Button size="small" kind="danger" onClick={() => setIsAsking(true)}>
          Sign out everywhere
        </Button>
      </div>
      {isAsking && (
        <Confirm
          title="Sign out everywhere?"
          action="Sign out everywhere"
          onConfirm={signOutEverywhere}
          onClose={() => setIsAsking(false)}
        >
          <p>Every browser has to sign in again, this one too. API keys go on working.</p>
        </Confirm>
      )}
    </section>
  )
}
