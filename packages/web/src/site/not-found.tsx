import { Link } from 'wouter'
import { useTitle } from '../ui/page.tsx'
import { Mark } from './mark.tsx'
import { paths } from './paths.ts'

export function NotFound() {
  useTitle('Not found')
  return (
    <div className="page page-narrow not-found">
      <Mark />
      <h1>Nothing is kept here</h1>
      <p className="lead">
        This address has no page. Looking for content? Then its CID belongs behind <code>/ipfs/</code>.
      </p>
      <p>
        <Link href={paths.home} className="button button-main">
          To the front page
        </Link>
      </p>
    </div>
  )
}
