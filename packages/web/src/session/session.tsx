import type { Me } from '@keepsake/api/account.ts'
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from 'react'
import { call } from '../api/call.ts'
import { CallFailure } from '../api/failure.ts'

export type SessionState =
  | { status: 'unknown' }
  | { status: 'signed-out' }
  | { status: 'signed-in'; me: Me }
  /** The server could not be asked. */
  | { status: 'failed'; error: unknown }

export type Session = SessionState & {
  /** Asks the server again who is signed in: after signing in or out, and when a call says that nobody is. */
  refresh: () => Promise<void>
  /** Signs out at this browser. */
  signOut: () => Promise<void>
}

const SessionContext = createContext<Session | undefined>(undefined)

async function readSession(): Promise<SessionState> {
  try {
    return { status: 'signed-in', me: await call<Me>('GET', '/account/me') }
  } catch (error) {
    if (error instanceof CallFailure && error.status === 401) return { status: 'signed-out' }
    return { status: 'failed', error }
  }
}

/** Knows who is signed in, for all pages below it. */
export function SessionProvider({ children }: { children: ReactNode }) {
  const [state, setState] = useState<SessionState>({ status: 'unknown' })
  const refresh = useCallback(async () => setState(await readSession()), [])
  const signOut = useCallback(async () => {
    await call('POST', '/account/sign-out')
    setState({ status: 'signed-out' })
  }, [])
  useEffect(() => void refresh(), [refresh])
  const session = useMemo(() => ({ ...state, refresh, signOut }), [state, refresh, signOut])
  return <SessionContext value={session}>{children}</SessionContext>
}

export function useSession(): Session {
  const session = useContext(SessionContext)
  if (!session) throw new Error('There is no SessionProvider above.')
  return session
}

/** Who is signed in; for what is inside of `RequireSession`. */
export function useMe(): Me {
  const session = useSession()
  if (session.status !== 'signed-in') throw new Error('Nobody is signed in here.')
  return session.me
}
