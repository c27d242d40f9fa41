import { Link } from 'wouter'
import { footerNav } from './navigation.ts'

export function SiteFooter() {
  return (
    <footer className="site-footer">
      <div className="site-footer-inner">
        <p>Keepsake is open software. Whoever runs this server keeps what is stored on it.</p>
        <nav aria-label="Foot of the page">
          {footerNav.map(({ to, text, external }) =>
            external ? (
              <a key={to} href={to}>
                {text}
              </a>
            ) : (
              <Link key={to} href={to}>
                {text}
              </Link>
            ),
          )}
        </nav>
      </div>
    </footer>
  )
}
