import { useLocation } from 'wouter'
import { useSession } from '../session/session.tsx'
import { paths } from '../site/paths.ts'

/** Where to go after signing in: what the address asks for where it is a path of this website, else the files. */
export function nextOf(search: string): string {
  const next = new URLSearchParams(search).get('next') ?? ''
  const url = URL.parse(next, location.origin)
  return next.startsWith('/') && url?.origin === location.origin ? `${url.pathname}${url.search}` : paths.files
}

/** To be called once somebody is signed in: learns who, and goes on. */
export function useArrival(): (next: string) => Promise<void> {
  const { refresh } = useSession()
  const [, navigate] = useLocation()
  return async (next) => {
    await refresh()
    navigate(nextOf(`?${new URLSearchParams({ next })}`), { replace: true })
  }
}
