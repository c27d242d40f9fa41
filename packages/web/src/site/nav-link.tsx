import type { ReactNode } from 'react'
import { Link, useLocation } from 'wouter'

/** A link that says when it leads to where one is. */
export function NavLink({ to, children }: { to: string; children: ReactNode }) {
  const [location] = useLocation()
  const isHere = location === to || (to !== '/' && location.startsWith(`${to}/`))
  return (
    <Link href={to} aria-current={isHere ? 'page' : undefined}>
      {children}
    </Link>
  )
}
