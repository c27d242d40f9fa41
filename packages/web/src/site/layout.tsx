import { type ReactNode, useEffect, useRef } from 'react'
import { useLocation } from 'wouter'
import { SiteFooter } from './footer.tsx'
import { SiteHeader } from './header.tsx'

/** Moves the focus to the new page, so that the keyboard and screen readers begin there as they would after a full load. */
function useFocusOnNavigation() {
  const main = useRef<HTMLElement>(null)
  const [location] = useLocation()
  const shown = useRef(location)
  useEffect(() => {
    if (shown.current === location) return
    shown.current = location
    main.current?.focus({ preventScroll: true })
    window.scrollTo(0, 0)
  }, [location])
  return main
}

export function Layout({ children }: { children: ReactNode }) {
  const main = useFocusOnNavigation()
  return (
    <>
      <a className="skip-link" href="#main">
        Skip to the content
      </a>
      <SiteHeader />
      <main id="main" ref={main} tabIndex={-1}>
        {children}
      </main>
      <SiteFooter />
    </>
  )
}
