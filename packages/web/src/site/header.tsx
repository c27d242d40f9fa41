import { Link, useLocation } from 'wouter'
import { useSession } from '../session/session.tsx'
import { Button } from '../ui/button.tsx'
import { useAction } from '../ui/use-action.ts'
import { Mark } from './mark.tsx'
import { NavLink } from './nav-link.tsx'
import { publicNav, signedInNav } from './navigation.ts'
import { paths } from './paths.ts'
import { ThemeSwitch } from './theme-switch.tsx'

export function SiteHeader() {
  const session = useSession()
  const isSignedIn = session.status === 'signed-in'
  const links = [
    ...(isSignedIn ? signedInNav : []),
    ...publicNav,
    ...(isSignedIn && session.me.isAdmin ? [{ to: paths.admin, text: 'Admin' }] : []),
  ]
  return (
    <header className="site-header">
      <div className="site-header-inner">
        <Link href={paths.home} className="wordmark">
          <Mark />
          Keepsake
        </Link>
        <nav aria-label="Main" className="site-nav">
          {links.map(({ to, text }) => (
            <NavLink key={to} to={to}>
              {text}
            </NavLink>
          ))}
        </nav>
        <div className="site-header-end">
          <ThemeSwitch />
          {isSignedIn ? <Account label={session.me.label} /> : <SignInLink isKnown={session.status !== 'unknown'} />}
        </div>
      </div>
    </header>
  )
}

function SignInLink({ isKnown }: { isKnown: boolean }) {
  const [location] = useLocation()
  if (!isKnown || location.startsWith(paths.signIn)) return null
  return (
    <Link href={paths.signIn} className="button button-main button-small">
      Sign in
    </Link>
  )
}

function Account({ label }: { label: string }) {
  const { signOut } = useSession()
  const [, navigate] = useLocation()
  const leaving = useAction(async () => {
    await signOut()
    navigate(paths.home)
  })
  return (
    <>
      <Link href={paths.settings} className="account-link" title={label}>
        <span className="account-initial" aria-hidden="true">
          {label.slice(0, 1).toUpperCase()}
        </span>
        <span className="visually-hidden">Account: {label}</span>
      </Link>
      <Button size="small" kind="quiet" busy={leaving.busy} onClick={() => void leaving.run()}>
        {leaving.error ? 'Not signed out: try again' : 'Sign out'}
      </Button>
    </>
  )
}
